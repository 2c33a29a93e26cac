package camera

// This file implements Motion JPEG in AVI files as a source, in pure Go but
// for the JPEG decoder of the build.

import (
	"errors"
	"fmt"
	"os"

	"citygate/internal/avi"
	"citygate/scanner/luma"
)

// maxBad is how many pictures in a row may be damaged before a source counts
// as broken. A single one is what a bad cable does.
const maxBad = 30

type film struct {
	file   *os.File
	reader *avi.Reader
	next   int
	bad    int
	buf    []byte
	name   string
	pic    decoder
}

func openAVI(path string, o Options) (source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		var r *avi.Reader
		if r, err = avi.NewReader(f, st.Size()); err == nil {
			i := r.Info()
			err = fits(i.Width, i.Height, MaxFramePixels)
			if err == nil {
				return &film{file: f, reader: r, name: path, pic: newDecoder(o)}, nil
			}
		}
	}
	f.Close()
	if errors.Is(err, avi.ErrFormat) {
		err = fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return nil, err
}

func (v *film) info() Info {
	i := v.reader.Info()
	return Info{Name: v.name, Kind: "video", Reader: "go", Width: i.Width, Height: i.Height, Rate: i.FPS()}
}

func (v *film) grab(f *luma.Frame) error {
	for {
		b, err := v.reader.JPEG(v.next, v.buf)
		if err != nil {
			return err
		}
		v.buf, v.next = b, v.next+1
		if err = v.pic.decode(b, f); err == nil {
			v.bad = 0
			return nil
		}
		if v.bad++; v.bad == maxBad {
			return fmt.Errorf("frame %d: %w", v.next-1, err)
		}
	}
}

func (v *film) rewind() error {
	v.next = 0
	return nil
}

func (v *film) close() { v.file.Close() }
