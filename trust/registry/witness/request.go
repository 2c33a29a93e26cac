package witness

// This file implements the request of add-checkpoint: an "old" line, consistency proof lines, an empty line, a checkpoint.

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// Limits of a request. The number of proof lines is the specification's; a checkpoint with 16 ML-DSA-44 cosignatures is below 60 kB.
const (
	maxBody       = 64 << 10
	maxProof      = 63
	maxCheckpoint = 60 << 10
)

type request struct {
	old        uint64
	proof      [][]byte
	checkpoint []byte // the signed note
	text       []byte // the note's text, what is cosigned
	head       head
}

// head is what a checkpoint says. none means that there is none; its size is 0 then.
type head struct {
	none   bool
	origin string
	size   uint64
	root   [32]byte
}

func parseRequest(body []byte) (request, error) {
	if len(body) > maxBody {
		return request{}, errors.New("request is too long")
	}
	top, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return request{}, errors.New("no empty line before the checkpoint")
	}
	first, rest, more := strings.Cut(string(top), "\n")
	digits, ok := strings.CutPrefix(first, "old ")
	if !ok {
		return request{}, errors.New("no old size line")
	}
	old, err := parseSize(digits)
	if err != nil {
		return request{}, err
	}
	req := request{old: old, checkpoint: checkpoint}
	if more {
		lines := strings.Split(rest, "\n")
		if len(lines) > maxProof {
			return request{}, errors.New("more than 63 proof lines")
		}
		for _, line := range lines {
			h, err := parseHash(line)
			if err != nil {
				return request{}, err
			}
			req.proof = append(req.proof, h)
		}
	}
	text, _, ok := bytes.Cut(checkpoint, []byte("\n\n"))
	if !ok || len(checkpoint) > maxCheckpoint {
		return request{}, errors.New("the checkpoint is not a signed note")
	}
	req.text = append(bytes.Clone(text), '\n')
	req.head, err = parseHead(string(req.text))
	return req, err
}

// parseHead reads a checkpoint's text: origin, size, root. Extension lines are refused: this project's logs have none, and an
// ML-DSA-44 cosignature would not cover them.
func parseHead(text string) (head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return head{}, errors.New("the checkpoint does not have three lines")
	}
	size, err := parseSize(lines[1])
	if err != nil {
		return head{}, err
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return head{}, err
	}
	return head{origin: lines[0], size: size, root: [32]byte(root)}, nil
}

// parseSize takes the one decimal form of a number below 2^63.
func parseSize(s string) (uint64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, errors.New("a tree size is not a decimal number")
	}
	return uint64(n), nil
}

// parseHash takes the one base64 form of 32 bytes.
func parseHash(s string) ([]byte, error) {
	h, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(h) != 32 || len(s) != 44 {
		return nil, errors.New("a hash is not 32 bytes in base64")
	}
	return h, nil
}
