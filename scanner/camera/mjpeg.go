package camera

// This file implements Motion JPEG over HTTP (multipart/x-mixed-replace) as a
// source, in pure Go but for the JPEG decoder of the build. Cameras write this
// format in many dialects, so what frames the pictures is read leniently:
// with or without Content-Length, with or without dashes in the boundary.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"citygate/scanner/luma"
)

// Limits of a stream.
const (
	maxPart      = 16 << 20 // bytes of one picture, and of what stands between two
	maxPartLines = 64       // header lines of one picture
	dialWait     = 5 * time.Second
	headerWait   = 10 * time.Second
)

type mjpeg struct {
	name     string
	body     io.ReadCloser
	cancel   context.CancelFunc // may be called from any goroutine
	r        *bufio.Reader
	boundary []byte // with its leading dashes
	begun    bool   // the boundary before the next part has been read
	buf      []byte
	bad      int
	pic      decoder
}

// newMJPEG reads a stream from body, which cancel interrupts.
func newMJPEG(name, boundary string, body io.ReadCloser, cancel context.CancelFunc, pic decoder) *mjpeg {
	return &mjpeg{name: name, body: body, cancel: cancel, pic: pic, r: bufio.NewReaderSize(body, 1<<16),
		boundary: []byte("--" + strings.TrimPrefix(boundary, "--"))}
}

// openHTTP asks for the address once. What is no Motion JPEG goes to OpenCV.
func openHTTP(ctx context.Context, address string, o Options) (source, error) {
	live, cancel := context.WithCancel(context.Background())
	unbind := context.AfterFunc(ctx, cancel)
	resp, err := get(live, address)
	if !unbind() && err == nil {
		resp.Body.Close()
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrNoDevice, withoutAddress(err))
	}
	kind, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("%w: the server answers %s", ErrNoDevice, resp.Status)
	case kind == "multipart/x-mixed-replace" && params["boundary"] != "":
		return newMJPEG(redact(address), params["boundary"], resp.Body, cancel, newDecoder(o)), nil
	case kind == "text/html" || kind == "application/json" || kind == "text/plain":
		err = fmt.Errorf("%w: the server sends %s and no video", ErrUnsupported, kind)
	}
	cancel()
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	return openNative(ctx, native{kind: "stream", address: address, live: true}, o)
}

func get(ctx context.Context, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	// A transport for this stream alone: no proxy stands between a gateway
	// and its camera, and nothing is left behind when the stream ends.
	client := &http.Client{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: dialWait}).DialContext,
		TLSHandshakeTimeout:   dialWait,
		ResponseHeaderTimeout: headerWait,
		DisableKeepAlives:     true,
		DisableCompression:    true,
	}}
	return client.Do(req)
}

// withoutAddress takes the request out of an error, as it may show a password.
func withoutAddress(err error) error {
	var whole interface{ Unwrap() error }
	if errors.As(err, &whole) && whole.Unwrap() != nil {
		return whole.Unwrap()
	}
	return err
}

func (m *mjpeg) info() Info { return Info{Name: m.name, Kind: "stream", Reader: "go", Live: true} }

func (m *mjpeg) rewind() error { return ErrUnsupported }

func (m *mjpeg) interrupt() { m.cancel() }

func (m *mjpeg) close() {
	m.cancel()
	m.body.Close()
}

func (m *mjpeg) grab(f *luma.Frame) error {
	for {
		b, err := m.part()
		if err != nil {
			return err
		}
		if err = m.pic.decode(b, f); err == nil {
			m.bad = 0
			return nil
		}
		if m.bad++; m.bad == maxBad {
			return err
		}
	}
}

// part reads the next picture's bytes.
func (m *mjpeg) part() ([]byte, error) {
	if !m.begun {
		if _, err := m.until(nil, false); err != nil {
			return nil, err
		}
	}
	m.begun = false
	length, err := m.partHeader()
	if err != nil {
		return nil, err
	}
	if length == 0 {
		if m.buf, err = m.until(m.buf[:0], true); err != nil {
			return nil, err
		}
		m.begun = true
		return bytes.TrimSuffix(bytes.TrimSuffix(m.buf, []byte("\n")), []byte("\r")), nil
	}
	if cap(m.buf) < length {
		m.buf = make([]byte, length)
	}
	m.buf = m.buf[:length]
	_, err = io.ReadFull(m.r, m.buf)
	return m.buf, ended(err)
}

// until reads up to and with the next line that is the boundary, and appends
// what comes before it to kept if keep is set.
func (m *mjpeg) until(kept []byte, keep bool) ([]byte, error) {
	lineStart := true
	for seen := 0; seen <= maxPart; {
		line, err := m.r.ReadSlice('\n')
		seen += len(line)
		if lineStart && bytes.HasPrefix(line, m.boundary) {
			if err == nil || err == io.EOF {
				return kept, nil
			}
		}
		if keep {
			kept = append(kept, line...)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return nil, ended(err)
		}
		lineStart = err == nil
	}
	return nil, fmt.Errorf("%w: %d bytes without a boundary", ErrBroken, maxPart)
}

// partHeader reads the lines before a picture and returns its length, or 0 if
// they do not say.
func (m *mjpeg) partHeader() (int, error) {
	length := 0
	for range maxPartLines {
		line, err := m.r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return 0, fmt.Errorf("%w: a header line without an end", ErrBroken)
		}
		if err != nil {
			return 0, ended(err)
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			return length, nil
		}
		name, value, _ := strings.Cut(text, ":")
		if strings.EqualFold(strings.TrimSpace(name), "content-length") {
			length, err = strconv.Atoi(strings.TrimSpace(value))
			if err != nil || length < 0 || length > maxPart {
				return 0, fmt.Errorf("%w: a picture of %.20q bytes", ErrBroken, value)
			}
		}
	}
	return 0, fmt.Errorf("%w: more than %d header lines", ErrBroken, maxPartLines)
}

// ended turns the end of a stream into an error: a camera has no end.
func ended(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the stream ended", ErrBroken)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}
