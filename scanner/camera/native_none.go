//go:build nogocv

package camera

// This file stands for OpenCV in builds without it.

import (
	"context"
	"fmt"

	"citygate/scanner"
)

const hasNative = false

func openNative(_ context.Context, n native, _ Options) (source, error) {
	return nil, fmt.Errorf("%w: a %s needs OpenCV, and this is a nogocv build", ErrUnsupported, n.kind)
}

// pictureDecoder decodes JPEG pictures of streams.
type pictureDecoder struct{}

func (pictureDecoder) decode(b []byte, f *scanner.Frame) error { return goJPEG(b, f) }
