package camera

// This file loads pictures from files, in pure Go.

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"

	"citygate/scanner/luma"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"
)

// Limits of pictures. They are checked before a picture is decompressed, so a
// small file cannot claim much memory.
const (
	MaxImagePixels = 50_000_000 // width times height of a picture in a file
	MaxImageBytes  = 64 << 20   // of the file
	MaxFramePixels = 16_000_000 // width times height of a frame of a stream or film
)

// codec is one format of pictures.
type codec struct {
	name   string
	magic  string // the first bytes; '?' is any
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func codecs() []codec {
	return []codec{
		{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
		{"JPEG", "\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
		{"GIF", "GIF8?a", gif.DecodeConfig, gif.Decode},
		{"BMP", "BM????\x00\x00\x00\x00", bmp.DecodeConfig, bmp.Decode},
		{"WebP", "RIFF????WEBPVP8", webp.DecodeConfig, webp.Decode},
		{"PGM", "P5", pgmConfig, pgmDecode},
		{"PGM", "P2", pgmConfig, pgmDecode},
	}
}

// sniff finds a picture's format by its first bytes.
func sniff(head []byte) (codec, bool) {
	for _, c := range codecs() {
		if len(head) < len(c.magic) {
			continue
		}
		same := true
		for i := range len(c.magic) {
			same = same && (c.magic[i] == '?' || c.magic[i] == head[i])
		}
		if same {
			return c, true
		}
	}
	return codec{}, false
}

// isImage reports whether a file starts as a picture does.
func isImage(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 16)
	n, _ := io.ReadFull(f, head)
	_, ok := sniff(head[:n])
	return ok
}

// LoadImage reads a PNG, JPEG, GIF (its first picture), BMP, WebP or PGM file
// as luma. Transparent parts are white. The format is told by the file's
// bytes, not by its name.
func LoadImage(path string) (luma.Frame, error) {
	f, err := os.Open(path)
	if err != nil {
		return luma.Frame{}, err // names the file
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxImageBytes+1))
	if err != nil {
		return luma.Frame{}, err
	}
	frame, err := DecodeImage(b)
	if err != nil {
		return luma.Frame{}, fmt.Errorf("%s: %w", path, err)
	}
	return frame, nil
}

// DecodeImage is LoadImage for bytes.
func DecodeImage(b []byte) (luma.Frame, error) {
	if len(b) > MaxImageBytes {
		return luma.Frame{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxImageBytes)
	}
	c, ok := sniff(b)
	if !ok {
		return luma.Frame{}, ErrFormat
	}
	conf, err := c.config(bytes.NewReader(b))
	if err != nil {
		return luma.Frame{}, damaged(c.name, err)
	}
	if err := fits(conf.Width, conf.Height, MaxImagePixels); err != nil {
		return luma.Frame{}, err
	}
	m, err := c.decode(bytes.NewReader(b))
	if err != nil {
		return luma.Frame{}, damaged(c.name, err)
	}
	var f luma.Frame
	toLuma(m, &f)
	return f, nil
}

// damaged says in one line what is wrong with a picture.
func damaged(format string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: damaged %s picture: it ends early", ErrBroken, format)
	}
	return fmt.Errorf("%w: damaged %s picture: %w", ErrBroken, format, err)
}

// fits refuses sizes that are none or too large.
func fits(w, h, pixels int) error {
	if w < 1 || h < 1 {
		return fmt.Errorf("%w: it has %dx%d pixels", ErrBroken, w, h)
	}
	if w > luma.MaxSide || h > luma.MaxSide || w*h > pixels {
		return fmt.Errorf("%w: %dx%d pixels, the limit is %d in all and %d for a side", ErrTooLarge, w, h, pixels, luma.MaxSide)
	}
	return nil
}
