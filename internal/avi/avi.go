// Package avi writes and reads Motion JPEG video in AVI files: RIFF files of
// type "AVI " with one video stream, each of whose frames is a JPEG picture of
// its own. Every player and every version of OpenCV reads them without a codec.
//
// # The file
//
// All numbers are little endian; a chunk is a four-letter name, a 32-bit size
// and that many bytes, padded to an even offset.
//
//	RIFF size "AVI "
//	  LIST size "hdrl"
//	    avih 56   interval in µs, …, flags, frames, …, streams, …, width, height
//	    LIST size "strl"
//	      strh 56   "vids" "MJPG" … scale, rate, start, length, …
//	      strf 40   BITMAPINFOHEADER with the compression "MJPG"
//	  LIST size "movi"
//	    00dc size   one JPEG picture, for each frame
//	  idx1 size     16 bytes for each frame: "00dc", 0x10, offset, size
//
// A Writer keeps the file below MaxFile, as offsets have 32 bits. A Reader
// walks the chunks themselves and does not believe the index, so a recording
// that was cut off is read up to its last whole frame.
package avi

import "errors"

// Limits. A file beyond them is refused, never half believed.
const (
	MaxFile   = 1 << 30 // bytes that a Writer writes, and of one chunk that a Reader accepts
	MaxFrames = 1 << 20 // frames of one file
	MaxFrame  = 1 << 24 // bytes of one JPEG picture
	MaxSide   = 1 << 14 // width and height in pixels
	maxDepth  = 4       // lists within lists
	maxChunks = 1 << 22 // chunks of one file, whatever they hold
)

// Errors that callers tell apart.
var (
	ErrFormat = errors.New("not an AVI file with Motion JPEG video")
	ErrFull   = errors.New("the AVI file has reached its largest size")
)

// Info describes the video stream of a file.
type Info struct {
	Width, Height int
	Rate, Scale   uint32 // Rate/Scale frames a second
	Frames        int
	Cut           bool // the file ends before its last chunk does
}

// FPS is the number of frames a second.
func (i Info) FPS() float64 { return float64(i.Rate) / float64(i.Scale) }

const (
	headerSize = 12 + 8 + 4 + (8 + 56) + 12 + (8 + 56) + (8 + 40) + 12
	moviAt     = headerSize - 4 // where "movi" stands; the index counts from here
	flagIndex  = 0x10           // avih: the file has an index
	flagKey    = 0x10           // idx1: the frame stands on its own
)
