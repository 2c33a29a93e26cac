package camera

import (
	"bytes"
	"io"
)

// PartsOf returns copies of the pictures in a multipart stream, and the error
// at which it ended.
func PartsOf(stream []byte, boundary string) (parts [][]byte, err error) {
	m := newMJPEG("stream", boundary, io.NopCloser(bytes.NewReader(stream)), func() {}, new(lumaDecoder))
	for {
		b, err := m.part()
		if err != nil {
			return parts, err
		}
		parts = append(parts, bytes.Clone(b))
	}
}
