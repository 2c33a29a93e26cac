//go:build nogocv

package camera

// This file stands for OpenCV in builds without it.

import (
	"context"
	"fmt"
)

const hasNative = false

func openNative(_ context.Context, n native, _ Options) (source, error) {
	return nil, fmt.Errorf("%w: a %s needs OpenCV, and this is a nogocv build", ErrUnsupported, n.kind)
}

// newDecoder returns the build's decoder.
func newDecoder(Options) decoder { return new(lumaDecoder) }
