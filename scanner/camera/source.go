package camera

// This file decides what a source's name means.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// openSource opens what spec names.
func openSource(ctx context.Context, spec string, o Options) (source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch scheme, _, _ := strings.Cut(spec, "://"); {
	case spec == "":
		return nil, fmt.Errorf("%w: its name is empty", ErrNoDevice)
	case strings.Contains(spec, " ! "):
		return openNative(ctx, native{kind: "pipeline", address: spec, live: true}, o)
	case scheme == "rtsp" || scheme == "rtsps":
		return openNative(ctx, native{kind: "stream", address: spec, live: true}, o)
	case scheme == "http" || scheme == "https":
		return openHTTP(ctx, spec, o)
	case strings.Contains(spec, "://"):
		return nil, fmt.Errorf("%w: its address begins with %q, not with rtsp, http or https", ErrUnsupported, scheme+"://")
	}
	spec, o, err := ParseDevice(spec, o)
	if err != nil {
		return nil, err
	}
	if n, err := strconv.Atoi(spec); err == nil && n >= 0 {
		spec = "/dev/video" + spec
	}
	return openPath(ctx, spec, o)
}

// openPath opens a device, a file, a folder or a pattern.
func openPath(ctx context.Context, path string, o Options) (source, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(path, "*?["):
		return openPattern(path, o)
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoDevice
	case err != nil:
		return nil, err
	case st.IsDir():
		return openFolder(path, o)
	case st.Mode()&os.ModeCharDevice != 0:
		return openNative(ctx, native{kind: "device", address: path, live: true}, o)
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%w: it is neither a file nor a camera", ErrUnsupported)
	}
	if isImage(path) {
		return openPictures([]string{path}, path, o)
	}
	if o.Pure || !hasNative {
		return openAVI(path, o)
	}
	return openNative(ctx, native{kind: "video", address: path}, o)
}

// native is a source for OpenCV.
type native struct {
	kind    string
	address string
	live    bool
}

func openFolder(path string, o Options) (source, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string // ReadDir sorts by name
	for _, e := range entries {
		if name := filepath.Join(path, e.Name()); !e.IsDir() && isImage(name) {
			files = append(files, name)
		}
	}
	return openPictures(files, path, o)
}

func openPattern(pattern string, o Options) (source, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	return openPictures(files, pattern, o)
}

// redact takes the password out of an address.
func redact(spec string) string {
	u, err := url.Parse(spec)
	if err != nil || u.User == nil {
		if err != nil && strings.Contains(spec, "@") {
			scheme, _, _ := strings.Cut(spec, "://")
			return scheme + "://…"
		}
		return spec
	}
	return u.Redacted()
}
