package qrcode

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
)

// This file implements PNG files (W3C PNG, third edition) of symbols. A module's rows are alike, so all but the first are written as "the row
// above", which compresses to nothing in no time: labels come by the hundred thousand.

const (
	filterNone = 0
	filterUp   = 2
)

// PNG is Matrix.PNG with the memory of the encoder.
func (e *Encoder) PNG(m Matrix, scale int) []byte {
	scale = min(max(scale, 1), MaxScale)
	side := (m.size + 2*QuietZone) * scale
	header := binary.BigEndian.AppendUint32(nil, uint32(side))
	header = binary.BigEndian.AppendUint32(header, uint32(side))
	header = append(header, 1, 0, 0, 0, 0) // one bit of grey, and the only methods that there are
	var b, z bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk(&b, "IHDR", header)
	if e.deflate == nil {
		e.deflate, _ = zlib.NewWriterLevel(&z, zlib.BestSpeed) // a level that there is
	} else {
		e.deflate.Reset(&z)
	}
	e.rows(m, scale, side)
	e.deflate.Close() // to memory: no error
	chunk(&b, "IDAT", z.Bytes())
	chunk(&b, "IEND", nil)
	return b.Bytes()
}

// rows compresses the picture's rows, each with its filter in front.
func (e *Encoder) rows(m Matrix, scale, side int) {
	row, same := make([]byte, 1+(side+7)/8), make([]byte, 1+(side+7)/8)
	same[0] = filterUp
	for y := -QuietZone; y < m.size+QuietZone; y++ {
		row[0] = filterNone
		for i := range row[1:] {
			row[1+i] = 0xff // white
		}
		for x := range m.size {
			if !m.At(x, y) {
				continue
			}
			for at := (x + QuietZone) * scale; at < (x+QuietZone+1)*scale; at++ {
				row[1+at/8] &^= 0x80 >> (at % 8)
			}
		}
		e.deflate.Write(row)
		for range scale - 1 {
			e.deflate.Write(same)
		}
	}
}

// chunk writes a chunk with its length and checksum.
func chunk(b *bytes.Buffer, name string, data []byte) {
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
	b.WriteString(name)
	b.Write(data)
	sum := crc32.Update(crc32.ChecksumIEEE([]byte(name)), crc32.IEEETable, data)
	b.Write(binary.BigEndian.AppendUint32(nil, sum))
}
