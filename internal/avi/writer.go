package avi

// This file implements the writer.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"io"
)

// Options of a Writer. The zero value is 30 frames a second in JPEG quality 90.
type Options struct {
	Rate, Scale uint32 // Rate/Scale frames a second; 0 means 30 and 1
	Quality     int    // of WriteImage's JPEG, 1 to 100; 0 means 90
}

// Writer writes one file. The file is whole only after Close.
type Writer struct {
	dst     io.WriteSeeker
	buf     *bufio.Writer
	info    Info
	quality int
	index   []byte
	at      int64 // bytes written so far
	largest int
	err     error // the first failure, which all later calls return
	jpeg    bytes.Buffer
}

// NewWriter starts a file of the given size of frame. The writer owns dst's
// position until Close, and does not close dst.
func NewWriter(dst io.WriteSeeker, width, height int, o Options) (*Writer, error) {
	if width < 1 || height < 1 || width > MaxSide || height > MaxSide {
		return nil, fmt.Errorf("an AVI frame of %dx%d pixels is not between 1 and %d", width, height, MaxSide)
	}
	if o.Rate == 0 {
		o.Rate, o.Scale = 30, 1
	}
	w := &Writer{dst: dst, buf: bufio.NewWriterSize(dst, 1<<16), quality: o.Quality,
		info: Info{Width: width, Height: height, Rate: o.Rate, Scale: max(o.Scale, 1)}}
	if w.quality == 0 {
		w.quality = 90
	}
	_, w.err = w.buf.Write(w.header(0))
	w.at = headerSize
	return w, w.err
}

// WriteImage compresses a picture and writes it as the next frame. Its size
// must be that of the file.
func (w *Writer) WriteImage(m image.Image) error {
	if b := m.Bounds(); b.Dx() != w.info.Width || b.Dy() != w.info.Height {
		return fmt.Errorf("frame %d is %dx%d pixels, the file's are %dx%d", w.info.Frames, b.Dx(), b.Dy(), w.info.Width, w.info.Height)
	}
	w.jpeg.Reset()
	if err := jpeg.Encode(&w.jpeg, m, &jpeg.Options{Quality: w.quality}); err != nil {
		return fmt.Errorf("compress frame %d: %w", w.info.Frames, err)
	}
	return w.WriteJPEG(w.jpeg.Bytes())
}

// WriteJPEG writes a picture that is compressed already as the next frame.
func (w *Writer) WriteJPEG(picture []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(picture) == 0 || len(picture) > MaxFrame {
		return fmt.Errorf("frame %d has %d bytes, not between 1 and %d", w.info.Frames, len(picture), MaxFrame)
	}
	padded := int64(len(picture) + len(picture)%2)
	if w.at+8+padded+int64(len(w.index))+24 > MaxFile || w.info.Frames == MaxFrames {
		return ErrFull
	}
	w.index = append(w.index, "00dc"...)
	w.index = le32(w.index, flagKey, uint32(w.at-moviAt), uint32(len(picture)))
	head := le32([]byte("00dc"), uint32(len(picture)))
	w.buf.Write(head)
	w.buf.Write(picture)
	if len(picture)%2 == 1 {
		w.buf.WriteByte(0)
	}
	// bufio keeps the first error and returns it from here on.
	if _, w.err = w.buf.Write(nil); w.err != nil {
		w.err = fmt.Errorf("write frame %d: %w", w.info.Frames, w.err)
		return w.err
	}
	w.at += 8 + padded
	w.largest = max(w.largest, len(picture))
	w.info.Frames++
	return nil
}

// Close writes the index and completes the header.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.buf.Write(le32([]byte("idx1"), uint32(len(w.index))))
	w.buf.Write(w.index)
	err := w.buf.Flush()
	if err == nil {
		_, err = w.dst.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = w.dst.Write(w.header(w.at))
	}
	if err == nil {
		_, err = w.dst.Seek(0, io.SeekEnd)
	}
	if err != nil {
		w.err = fmt.Errorf("complete the AVI file: %w", err)
		return w.err
	}
	w.err = io.ErrClosedPipe
	return nil
}

// header returns the file's start. end is where the last frame ends, or 0
// while that is not known.
func (w *Writer) header(end int64) []byte {
	var riff, movi uint32 = headerSize - 8, 4
	if end > 0 {
		riff, movi = uint32(end)+8+uint32(len(w.index))-8, uint32(end-moviAt)
	}
	i := &w.info
	width, height, frames := uint32(i.Width), uint32(i.Height), uint32(i.Frames)
	micros := uint32(1e6 * float64(i.Scale) / float64(i.Rate))
	b := make([]byte, 0, headerSize)
	b = append(le32(append(b, "RIFF"...), riff), "AVI "...)
	b = append(le32(append(b, "LIST"...), headerSize-12-8-12), "hdrl"...)
	b = le32(append(b, "avih"...), 56, micros, 0, 0, flagIndex, frames, 0, 1, uint32(w.largest), width, height, 0, 0, 0, 0)
	b = append(le32(append(b, "LIST"...), 4+64+48), "strl"...)
	b = append(le32(append(b, "strh"...), 56), "vidsMJPG"...)
	b = le32(b, 0, 0, 0, i.Scale, i.Rate, 0, frames, uint32(w.largest), 0xffffffff, 0, 0, height<<16|width)
	b = le32(append(b, "strf"...), 40, 40, width, height, 24<<16|1)
	b = le32(append(b, "MJPG"...), width*height*3, 0, 0, 0, 0)
	return append(le32(append(b, "LIST"...), movi), "movi"...)
}

// le32 appends numbers.
func le32(b []byte, v ...uint32) []byte {
	for _, n := range v {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}
