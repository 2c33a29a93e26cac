package camera

// This file reads PGM pictures (Netpbm's portable graymap): P5 with bytes or
// 16-bit samples, P2 with numbers in text.

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"io"
)

// pgmHeader reads magic, width, height and the value of white.
func pgmHeader(r *bufio.Reader) (plain bool, w, h, white int, err error) {
	var magic [2]byte
	if _, err = io.ReadFull(r, magic[:]); err != nil {
		return
	}
	plain = magic[1] == '2'
	for _, v := range []*int{&w, &h, &white} {
		if *v, err = pgmNumber(r); err != nil {
			return
		}
	}
	if white < 1 || white > 65535 {
		err = fmt.Errorf("the value of white is %d", white)
	}
	return
}

// pgmNumber skips white space and comments, and reads a number with the one
// byte behind it.
func pgmNumber(r *bufio.Reader) (int, error) {
	n, digits := 0, 0
	for {
		c, err := r.ReadByte()
		if err == io.EOF && digits > 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		switch space := c == ' ' || c >= '\t' && c <= '\r'; {
		case c >= '0' && c <= '9' && digits < 9:
			n, digits = n*10+int(c-'0'), digits+1
		case space && digits > 0:
			return n, nil
		case space:
		case c == '#' && digits == 0:
			if _, err := r.ReadString('\n'); err != nil {
				return 0, err
			}
		default:
			return 0, fmt.Errorf("byte %#x where a number should be", c)
		}
	}
}

func pgmConfig(r io.Reader) (image.Config, error) {
	_, w, h, _, err := pgmHeader(bufio.NewReader(r))
	return image.Config{ColorModel: color.GrayModel, Width: w, Height: h}, err
}

// pgmDecode expects a size that the caller has found to be bearable.
func pgmDecode(src io.Reader) (image.Image, error) {
	r := bufio.NewReader(src)
	plain, w, h, white, err := pgmHeader(r)
	if err != nil {
		return nil, err
	}
	m := image.NewGray(image.Rect(0, 0, w, h))
	if !plain && white == 255 {
		_, err := io.ReadFull(r, m.Pix)
		return m, err
	}
	for i := range m.Pix {
		v, err := pgmSample(r, plain, white)
		if err != nil {
			return nil, err
		}
		m.Pix[i] = byte((v*255 + white/2) / white)
	}
	return m, nil
}

func pgmSample(r *bufio.Reader, plain bool, white int) (v int, err error) {
	if plain {
		v, err = pgmNumber(r)
	} else {
		var b [2]byte
		n := 1
		if white > 255 {
			n = 2
		}
		_, err = io.ReadFull(r, b[:n])
		if v = int(b[0]); n == 2 {
			v = v<<8 | int(b[1])
		}
	}
	if err == nil && v > white {
		err = fmt.Errorf("a sample of %d where white is %d", v, white)
	}
	return v, err
}
