package camera

// This file implements pictures in files as a source.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"citygate/scanner/luma"
)

// pictures gives the pictures of a list of files, each once.
type pictures struct {
	files []string
	next  int
	about Info
}

func openPictures(files []string, name string, o Options) (source, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: no picture is there", ErrNoDevice)
	}
	rate := o.Rate
	if rate <= 0 {
		rate = paceDefault
	}
	p := &pictures{files: files, about: Info{Name: name, Kind: "pictures", Reader: "go", Rate: rate}}
	first, err := LoadImage(files[0])
	if err != nil {
		return nil, err
	}
	p.about.Width, p.about.Height = first.Width, first.Height
	return p, nil
}

// grab loads the next picture. One that cannot be read ends the source with an
// error that names it: a folder is a person's choice, not a faulty camera.
func (p *pictures) grab(f *luma.Frame) error {
	if p.next == len(p.files) {
		return io.EOF
	}
	got, err := LoadImage(p.files[p.next])
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err != nil {
		return err
	}
	p.next++
	*f = got
	return nil
}

func (p *pictures) rewind() error {
	p.next = 0
	return nil
}

func (p *pictures) info() Info { return p.about }

func (p *pictures) close() {}
