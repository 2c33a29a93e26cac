//go:build !nogocv

package camera

// This file reads devices, streams, pipelines and films through OpenCV.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"citygate/scanner/luma"

	"gocv.io/x/gocv"
)

const hasNative = true

// capture is a source that OpenCV reads. mat and gray are its memory, which
// only close frees.
type capture struct {
	from  native
	opts  Options
	vc    *gocv.VideoCapture
	mat   gocv.Mat // as OpenCV gave it
	gray  gocv.Mat // its luma
	uyvy  bool     // luma is the second byte of each pair
	about Info
	bad   int
	pic   turboDecoder
}

// Device buffers: one that is filled and one that is read. More would only
// make frames older.
const deviceBuffers = 2

// openNative opens a source. OpenCV may take half a minute to find that a
// stream is not there and cannot be interrupted, so it works in a goroutine of
// its own: when ctx ends first, that goroutine closes what it may still open.
func openNative(ctx context.Context, n native, o Options) (source, error) {
	if n.kind == "device" {
		if err := mayOpen(n.address); err != nil {
			return nil, err
		}
	}
	c := &capture{from: n, opts: o, mat: gocv.NewMat(), gray: gocv.NewMat()}
	opened := make(chan error, 1)
	go func() { opened <- c.open() }()
	select {
	case err := <-opened:
		if err != nil {
			c.close()
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		go func() {
			<-opened
			c.close()
		}()
		return nil, ctx.Err()
	}
}

// mayOpen tries a device node, because OpenCV does not say why it fails.
func mayOpen(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case err == nil:
		return f.Close()
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (is the user in the group video?)", err)
	}
	return fmt.Errorf("%w: %w", ErrNoDevice, err)
}

func (c *capture) open() error {
	api := gocv.VideoCaptureFFmpeg
	switch c.from.kind {
	case "device":
		api = gocv.VideoCaptureV4L2
	case "pipeline":
		api = gocv.VideoCaptureGstreamer
	}
	vc, err := gocv.VideoCaptureFileWithAPI(c.from.address, api)
	if err != nil {
		vc.Close()
		why := ErrNoDevice
		if c.from.kind == "video" || c.from.kind == "pipeline" {
			why = ErrUnsupported
		}
		return fmt.Errorf("%w: OpenCV cannot open it as a %s", why, c.from.kind)
	}
	c.vc = vc
	if c.from.kind == "device" {
		c.configure()
	}
	c.raw()
	w, h := int(vc.Get(gocv.VideoCaptureFrameWidth)), int(vc.Get(gocv.VideoCaptureFrameHeight))
	if w != 0 || h != 0 {
		if err := fits(w, h, MaxFramePixels); err != nil {
			vc.Close()
			return err
		}
	}
	if c.opts.Exact && c.from.kind == "device" && (w != c.opts.Width || h != c.opts.Height) {
		vc.Close()
		return fmt.Errorf("%w: the device gives %dx%d for %dx%d", ErrSize, w, h, c.opts.Width, c.opts.Height)
	}
	c.about = Info{Name: redact(c.from.address), Kind: c.from.kind, Reader: "opencv", Width: w, Height: h,
		Rate: vc.Get(gocv.VideoCaptureFPS), Live: c.from.live}
	return nil
}

// configure asks a device for what the options want. Motion JPEG comes first,
// since USB 2 has no room for more than about 640x480 without compression; a
// device that has it not keeps its own format. What it chose is in Info.
func (c *capture) configure() {
	set := func(p gocv.VideoCaptureProperties, v float64) {
		if v > 0 {
			c.vc.Set(p, v)
		}
	}
	format := "MJPG"
	if c.opts.Format != "" {
		format = c.opts.Format
	}
	c.vc.Set(gocv.VideoCaptureFOURCC, c.vc.ToCodec(format))
	set(gocv.VideoCaptureFrameWidth, float64(c.opts.Width))
	set(gocv.VideoCaptureFrameHeight, float64(c.opts.Height))
	set(gocv.VideoCaptureFPS, c.opts.Rate)
	c.control()
	c.vc.Set(gocv.VideoCaptureBufferSize, deviceBuffers)
	// Without conversion luma comes as the device has it: the first byte of
	// each YUYV pair, or the luma part of a JPEG.
	c.vc.Set(gocv.VideoCaptureConvertRGB, 0)
	c.uyvy = c.vc.CodecString() == "UYVY"
}

// V4L2's words for who exposes: V4L2_EXPOSURE_MANUAL and V4L2_EXPOSURE_APERTURE_PRIORITY. OpenCV hands them through.
const (
	exposeByHand = 1
	exposeItself = 3
)

// control sets exposure and focus. A device keeps what it was told when another program used it, so its own choice is
// asked for as well. One that lacks a control ignores it.
func (c *capture) control() {
	if c.opts.Exposure > 0 {
		c.vc.Set(gocv.VideoCaptureAutoExposure, exposeByHand)
		c.vc.Set(gocv.VideoCaptureExposure, float64(c.opts.Exposure/exposureUnit))
	} else {
		c.vc.Set(gocv.VideoCaptureAutoExposure, exposeItself)
	}
	if c.opts.Focus > 0 {
		c.vc.Set(gocv.VideoCaptureAutoFocus, 0)
		c.vc.Set(gocv.VideoCaptureFocus, float64(c.opts.Focus))
	} else {
		c.vc.Set(gocv.VideoCaptureAutoFocus, 1)
	}
}

// raw lets Motion JPEG of a film or stream come as it is, so that only its
// luma is decompressed.
func (c *capture) raw() {
	if c.from.kind != "device" && c.from.kind != "pipeline" && c.vc.CodecString() == "MJPG" {
		c.vc.Set(gocv.VideoCaptureFormat, -1)
	}
}

func (c *capture) info() Info { return c.about }

func (c *capture) rewind() error {
	c.vc.Close()
	return c.open()
}

func (c *capture) close() {
	if c.vc != nil {
		c.vc.Close() // again is no harm
	}
	c.mat.Close()
	c.gray.Close()
}

func (c *capture) grab(f *luma.Frame) error {
	for {
		if !c.vc.Read(&c.mat) || c.mat.Empty() {
			if c.from.live {
				return fmt.Errorf("%w: the %s ended", ErrBroken, c.from.kind)
			}
			return io.EOF
		}
		err := c.luma(f)
		if err == nil {
			c.bad = 0
			return nil
		}
		if c.bad++; c.bad == maxBad || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrTooLarge) {
			return err
		}
	}
}

// luma turns what OpenCV gave into luma with the least work.
func (c *capture) luma(f *luma.Frame) error {
	rows, cols := c.mat.Rows(), c.mat.Cols()
	if c.mat.Type() == gocv.MatTypeCV8UC1 && rows == 1 {
		b, err := c.mat.DataPtrUint8()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBroken, err)
		}
		return c.pic.decode(b, f)
	}
	if err := fits(cols, rows, MaxFramePixels); err != nil {
		return err
	}
	switch c.mat.Type() {
	case gocv.MatTypeCV8UC3:
		gocv.CvtColor(c.mat, &c.gray, gocv.ColorBGRToGray)
	case gocv.MatTypeCV8UC4:
		gocv.CvtColor(c.mat, &c.gray, gocv.ColorBGRAToGray)
	case gocv.MatTypeCV8UC2:
		at := 0
		if c.uyvy {
			at = 1
		}
		gocv.ExtractChannel(c.mat, &c.gray, at)
	case gocv.MatTypeCV8UC1:
		// Grey, or planar YUV with luma in its first rows.
		if h := c.about.Height; rows == h*3/2 {
			rows = h
		}
		return copyMat(&c.mat, rows, f)
	default:
		return fmt.Errorf("%w: frames of OpenCV's type %d", ErrUnsupported, c.mat.Type())
	}
	return copyMat(&c.gray, rows, f)
}

// copyMat copies the first rows of a matrix. The copy costs a tenth of a
// millisecond at 720p, and buys that no frame points into freed memory.
func copyMat(m *gocv.Mat, rows int, f *luma.Frame) error {
	b, err := m.DataPtrUint8()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if len(b) < rows*m.Cols() {
		return fmt.Errorf("%w: a frame of %d bytes", ErrBroken, len(b))
	}
	reserve(f, m.Cols(), rows)
	copy(f.Pix, b)
	return nil
}

// turboDecoder decodes JPEG pictures with libjpeg-turbo, only their luma.
type turboDecoder struct{}

// newDecoder returns the build's decoder, or that in pure Go if asked to.
func newDecoder(o Options) decoder {
	if o.Pure {
		return new(lumaDecoder)
	}
	return turboDecoder{}
}

func (turboDecoder) decode(b []byte, f *luma.Frame) error {
	b, err := wholeJPEG(b)
	if err != nil {
		return err
	}
	m, err := gocv.IMDecode(b, gocv.IMReadGrayScale|gocv.IMReadIgnoreOrientation)
	if err != nil {
		return damaged("JPEG", err)
	}
	defer m.Close()
	if m.Empty() || m.Type() != gocv.MatTypeCV8UC1 {
		return fmt.Errorf("%w: damaged JPEG picture", ErrBroken)
	}
	return copyMat(&m, m.Rows(), f)
}
