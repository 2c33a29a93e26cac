package avi

// This file implements the reader. Everything in a file is somebody else's
// claim: sizes are compared with what is there before anything is kept.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader gives the frames of one file. It is safe for concurrent use as far as
// the io.ReaderAt below it is.
type Reader struct {
	src    io.ReaderAt
	size   int64
	info   Info
	frames []span
	chunks int
}

// span is where a frame's picture lies.
type span struct {
	at   int64
	size uint32
}

// NewReader finds the frames of a file of the given size. What is no AVI file
// with Motion JPEG gives an error that wraps ErrFormat; a file that was cut
// off gives the frames that are whole.
func NewReader(src io.ReaderAt, size int64) (*Reader, error) {
	r := &Reader{src: src, size: size}
	for at := int64(0); at < size; {
		name, n, err := r.chunk(at)
		if errors.Is(err, errCut) {
			r.info.Cut = true
			break
		}
		if err != nil {
			return nil, err
		}
		form, err := r.word(at + 8)
		if err != nil || name != "RIFF" || form != "AVI " && form != "AVIX" || at == 0 && form != "AVI " {
			if at > 0 {
				break // something was appended; the video is before it
			}
			return nil, fmt.Errorf("%w: it does not start with a RIFF header", ErrFormat)
		}
		end := at + 8 + n
		if end > size {
			r.info.Cut, end = true, size
		}
		if err := r.walk(at+12, end, 0); err != nil {
			return nil, err
		}
		at += 8 + n + n%2
	}
	if r.info.Width == 0 {
		return nil, fmt.Errorf("%w: it has no Motion JPEG stream", ErrFormat)
	}
	r.info.Frames = len(r.frames)
	return r, nil
}

// Info describes the file.
func (r *Reader) Info() Info { return r.info }

// JPEG returns the picture of frame i, from 0 to Info().Frames-1, in buf if it
// is large enough. The bytes have not been looked at.
func (r *Reader) JPEG(i int, buf []byte) ([]byte, error) {
	if i < 0 || i >= len(r.frames) {
		return nil, io.EOF
	}
	f := r.frames[i]
	if cap(buf) < int(f.size) {
		buf = make([]byte, f.size)
	}
	buf = buf[:f.size]
	if n, err := r.src.ReadAt(buf, f.at); n < len(buf) {
		return nil, fmt.Errorf("read frame %d: %w", i, err)
	}
	return buf, nil
}

var errCut = errors.New("cut off")

// chunk reads a chunk's header.
func (r *Reader) chunk(at int64) (name string, size int64, err error) {
	var head [8]byte
	if at+8 > r.size {
		return "", 0, errCut
	}
	if n, err := r.src.ReadAt(head[:], at); n < len(head) {
		return "", 0, fmt.Errorf("read the AVI file at %d: %w", at, err)
	}
	r.chunks++
	if r.chunks > maxChunks {
		return "", 0, fmt.Errorf("%w: it has more than %d chunks", ErrFormat, maxChunks)
	}
	return string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:])), nil
}

// word reads four letters.
func (r *Reader) word(at int64) (string, error) {
	var b [4]byte
	if n, err := r.src.ReadAt(b[:], at); n < len(b) {
		return "", err
	}
	return string(b[:]), nil
}

// walk goes through the chunks from at to end.
func (r *Reader) walk(at, end int64, depth int) error {
	for at < end {
		name, n, err := r.chunk(at)
		if err == nil && at+8+n > end {
			err = errCut
		}
		if errors.Is(err, errCut) && (name != "LIST" || end < r.size) {
			r.info.Cut = true
			return nil
		}
		if err != nil && !errors.Is(err, errCut) {
			return err
		}
		inside := min(at+8+n, end)
		switch {
		case name == "LIST" && depth < maxDepth:
			err = r.walk(at+12, inside, depth+1)
		case name == "strh" && n >= 48:
			err = r.streamHeader(at + 8)
		case name == "strf" && n >= 40:
			err = r.streamFormat(at + 8)
		case name == "00dc" || name == "00db":
			err = r.frame(at+8, n)
		default:
			err = nil
		}
		if err != nil {
			return err
		}
		at += 8 + n + n%2
	}
	return nil
}

// frame keeps a picture's place. An empty chunk repeats the frame before it
// and holds nothing to read.
func (r *Reader) frame(at, n int64) error {
	switch {
	case n == 0:
		return nil
	case n > MaxFrame:
		return fmt.Errorf("%w: frame %d has %d bytes, more than %d", ErrFormat, len(r.frames), n, MaxFrame)
	case len(r.frames) == MaxFrames:
		return fmt.Errorf("%w: it has more than %d frames", ErrFormat, MaxFrames)
	}
	r.frames = append(r.frames, span{at, uint32(n)})
	return nil
}

// streamHeader reads strh. Only the first stream may be the video, since its
// chunks are the ones that are looked for.
func (r *Reader) streamHeader(at int64) error {
	if r.info.Rate != 0 {
		return nil
	}
	var b [48]byte
	if n, err := r.src.ReadAt(b[:], at); n < len(b) {
		return fmt.Errorf("read the stream's header: %w", err)
	}
	if string(b[:4]) != "vids" {
		return fmt.Errorf("%w: its first stream is no video", ErrFormat)
	}
	r.info.Scale, r.info.Rate = binary.LittleEndian.Uint32(b[20:]), binary.LittleEndian.Uint32(b[24:])
	if fps := r.info.FPS(); r.info.Scale == 0 || r.info.Rate == 0 || fps < 0.01 || fps > 1000 {
		return fmt.Errorf("%w: %d/%d frames a second", ErrFormat, r.info.Rate, r.info.Scale)
	}
	return nil
}

// streamFormat reads strf, a BITMAPINFOHEADER.
func (r *Reader) streamFormat(at int64) error {
	if r.info.Width != 0 {
		return nil
	}
	var b [40]byte
	if n, err := r.src.ReadAt(b[:], at); n < len(b) {
		return fmt.Errorf("read the stream's format: %w", err)
	}
	if codec := string(b[16:20]); codec != "MJPG" && codec != "mjpg" {
		return fmt.Errorf("%w: its codec is %q", ErrFormat, codec)
	}
	w, h := int32(binary.LittleEndian.Uint32(b[4:])), int32(binary.LittleEndian.Uint32(b[8:]))
	if w < 1 || h < 1 || w > MaxSide || h > MaxSide || r.info.Rate == 0 {
		return fmt.Errorf("%w: a frame of %dx%d pixels", ErrFormat, w, h)
	}
	r.info.Width, r.info.Height = int(w), int(h)
	return nil
}
