package datamatrix

import (
	"fmt"

	"github.com/makiuchi-d/gozxing/datamatrix/decoder"
)

// This file implements the text of corrected codewords through gozxing. It takes what its parser knows: the six encodation schemes. Interpretations other than
// the default one, structured append, GS1 and macros are ours.

// libraryText returns the text of data codewords that say nothing but characters. gozxing indexes without checks in places, so a panic of its parser is an
// error of the codewords.
func libraryText(data []byte) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("gozxing: %v", p)
		}
	}()
	result, err := decoder.DecodedBitStreamParser_decode(data)
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}
