// Package camera gives frames of 8-bit luma from cameras, streams, films and
// pictures: whatever a gateway or a test looks at.
//
//	c, err := camera.Open(ctx, "/dev/video0", camera.Options{Width: 1280, Height: 720})
//	for {
//		frame, err := c.Next(ctx)
//		…
//	}
//
// # What can be opened
//
//	/dev/video0, 0                  a V4L2 device; with controls, see ParseDevice
//	http://, https://               Motion JPEG over HTTP, or another stream
//	rtsp://, rtsps://               a network camera
//	v4l2src ! … ! appsink           a GStreamer pipeline
//	film.avi                        a video file
//	folder/, picture.png, a/*.png   pictures, in the order of their names
//
// Devices, RTSP and pipelines come through OpenCV (gocv). A build with the tag
// nogocv has pictures, Motion JPEG in AVI files and over HTTP, all in pure Go,
// and says ErrUnsupported to the rest.
//
// # Which frame
//
// What is live, and a file with Options.Pace, is read by a goroutine of the
// camera's own, and Next returns the newest frame: a slow reader misses frames,
// and they never queue up. A file without Pace is read by Next itself, so every
// frame comes, in order, as fast as it is asked for.
//
// A camera that fails is closed by its owner and opened anew; the errors below
// say what happened, but nothing is retried here.
package camera

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"citygate/scanner/luma"
)

// Errors that the owner of a camera tells apart. They come wrapped in an error
// that names the camera, without a password that its address may hold.
var (
	ErrNoDevice    = errors.New("there is no such camera or file")
	ErrUnsupported = errors.New("this build cannot read such a source")
	ErrFormat      = errors.New("not a PNG, JPEG, GIF, BMP, WebP or PGM picture")
	ErrBroken      = errors.New("the source gives no readable frames")
	ErrStalled     = errors.New("no frame has come for too long")
	ErrTooLarge    = errors.New("the picture is too large")
	ErrSize        = errors.New("the picture has another size than it should")
	ErrClosed      = errors.New("the camera is closed")
)

// Options of a camera. The zero value reads a file once, without waiting, and
// lets a device choose its size.
type Options struct {
	Loop bool // begin a file again at its end
	Pace bool // give a file's frames at the file's own rate; pictures at Rate
	Pure bool // use no OpenCV where pure Go can read the source (nogocv builds never do)

	Width, Height int     // asked of a device; 0 means its own choice
	Exact         bool    // give ErrSize where a device chooses another size than was asked for
	Rate          float64 // frames a second: asked of a device, and the pace of pictures; 0 means its own choice, and 10

	Format   string        // pixel format asked of a device, four letters such as MJPG or YUYV; "" means MJPG
	Exposure time.Duration // of a device, in steps of 100 µs; 0 means that it exposes by itself
	Focus    int           // of a device, in its own unit; 0 means that it focuses by itself

	Stall time.Duration // Next gives ErrStalled when a live source was silent for so long; 0 means 2 s, and 10 s before the first frame
}

// Info describes an open camera. A stream's size may be 0 until its first
// frame came.
type Info struct {
	Name          string // the source, without a password
	Kind          string // device, stream, pipeline, video, pictures
	Reader        string // what reads it: opencv or go
	Width, Height int    // pixels
	Rate          float64
	Live          bool
}

// Frame is one frame with its number, from 1, and the time when it was taken
// over from the source. Numbers are missing where frames were.
type Frame struct {
	luma.Frame
	Seq uint64
	At  time.Time
}

// source is what a Camera reads. Only one goroutine uses it.
type source interface {
	// grab waits for the next frame and puts it into f, in f.Pix if that is
	// large enough. At the end of a file it returns io.EOF.
	grab(f *luma.Frame) error
	// rewind begins a file again.
	rewind() error
	info() Info
	// close frees everything. It is the last call.
	close()
}

// interrupter is a source that a call from another goroutine can wake.
type interrupter interface{ interrupt() }

const (
	stallDefault = 2 * time.Second
	stallFirst   = 10 * time.Second
	closeWait    = 3 * time.Second
)

// Camera is an open source of frames. Next is for one goroutine; Close may be
// called from another.
type Camera struct {
	opts   Options
	src    source // of the grabbing goroutine if there is one, else of Next
	static Info

	direct bool   // Next reads the source itself
	held   *Frame // the frame that Next returned, and its memory
	seq    uint64 // of the last frame grabbed; owned as src is
	w, h   int    // size of a live source's first frame; owned as src is
	stop   chan struct{}
	ended  chan struct{} // closed when the grabbing goroutine has freed src
	wake   chan struct{} // holds one token when latest or err is new

	mu     sync.Mutex // guards the fields below
	latest *Frame
	fresh  bool  // latest has not been returned yet
	err    error // why the grabbing goroutine ended
	closed bool
}

// Open opens a source; ctx bounds the opening alone. The camera lives until
// Close.
func Open(ctx context.Context, spec string, o Options) (*Camera, error) {
	src, err := openSource(ctx, spec, o)
	if err != nil {
		return nil, fmt.Errorf("open camera %s: %w", redact(spec), err)
	}
	return start(src, o), nil
}

// start makes a camera of a source.
func start(src source, o Options) *Camera {
	c := &Camera{opts: o, src: src, static: src.info(), held: new(Frame), latest: new(Frame),
		stop: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	c.direct = !c.static.Live && !o.Pace
	if c.direct {
		close(c.ended)
	} else {
		go c.run()
	}
	return c
}

// Info describes the camera as it was opened.
func (c *Camera) Info() Info { return c.static }

// Next returns the newest frame that it has not returned yet, and waits for
// one if need be. The frame is valid until the next call. At the end of a file
// that is not looped the error is io.EOF.
func (c *Camera) Next(ctx context.Context) (Frame, error) {
	if err := ctx.Err(); err != nil {
		return Frame{}, err
	}
	if c.direct {
		return c.nextDirect()
	}
	limit := c.opts.Stall
	if limit <= 0 {
		limit = stallDefault
		if c.held.Seq == 0 {
			limit = stallFirst
		}
	}
	silent := time.NewTimer(limit)
	defer silent.Stop()
	for {
		if ok, err := c.take(); ok || err != nil {
			return *c.held, c.named(err)
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return Frame{}, ctx.Err()
		case <-c.stop:
			return Frame{}, c.named(ErrClosed)
		case <-silent.C:
			return Frame{}, c.named(ErrStalled)
		}
	}
}

// take swaps the newest frame into held.
func (c *Camera) take() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false, ErrClosed
	}
	if !c.fresh {
		return false, c.err
	}
	c.held, c.latest, c.fresh = c.latest, c.held, false
	return true, nil
}

func (c *Camera) nextDirect() (Frame, error) {
	c.mu.Lock() // Close must not free the source under grab
	defer c.mu.Unlock()
	if c.closed {
		return Frame{}, c.named(ErrClosed)
	}
	if err := c.grab(c.held); err != nil {
		return Frame{}, c.named(err)
	}
	return *c.held, nil
}

// named adds the camera's name, but leaves io.EOF as it is.
func (c *Camera) named(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("camera %s: %w", c.static.Name, err)
}

// Close ends the camera and frees what it holds. A driver that does not come
// back from a read within 3 s keeps its memory until it does.
func (c *Camera) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.stop)
	c.mu.Unlock()
	if c.direct {
		c.src.close()
		return nil
	}
	if i, ok := c.src.(interrupter); ok {
		i.interrupt()
	}
	limit := time.NewTimer(closeWait)
	defer limit.Stop()
	select {
	case <-c.ended:
		return nil
	case <-limit.C:
		return fmt.Errorf("close camera %s: its driver has not returned from a read for %s", c.static.Name, closeWait)
	}
}
