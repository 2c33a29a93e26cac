package camera_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citygate/scanner/camera"
)

// server is a network camera. Each request runs play until it returns, which
// ends the stream; hold blocks until the client has gone.
func server(t *testing.T, contentType string, play func(w http.ResponseWriter, hold func())) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		play(w, func() {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func jpegOf(i int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, numbered(i), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

const multipart = "multipart/x-mixed-replace; boundary=frame"

func next(t *testing.T, c *camera.Camera) camera.Frame {
	t.Helper()
	f, err := c.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestStreamDialects(t *testing.T) {
	picture := jpegOf(7)
	for name, c := range map[string]struct{ kind, stream string }{
		"length":         {multipart, fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(picture), picture)},
		"no length":      {multipart, fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\n\r\n%s\r\n--frame\r\n", picture)},
		"bare newlines":  {multipart, fmt.Sprintf("--frame\ncontent-length:%d\n\n%s\n", len(picture), picture)},
		"dashes in name": {"multipart/x-mixed-replace;boundary=--frame", fmt.Sprintf("--frame\r\nContent-Length: %d\r\n\r\n%s\r\n", len(picture), picture)},
		"quoted":         {`multipart/x-mixed-replace; boundary="frame"`, fmt.Sprintf("\r\n--frame\r\nContent-Length: %d\r\n\r\n%s\r\n", len(picture), picture)},
		"preamble":       {multipart, "hello, this is a camera\r\n\r\n" + fmt.Sprintf("--frame\r\nContent-Length: %d\r\n\r\n%s\r\n", len(picture), picture)},
		"no tables":      {multipart, fmt.Sprintf("--frame\r\n\r\n%s\r\n--frame\r\n", withoutTables(picture))},
	} {
		t.Run(name, func(t *testing.T) {
			url := server(t, c.kind, func(w http.ResponseWriter, hold func()) {
				fmt.Fprint(w, c.stream)
				hold()
			})
			cam, pure := open(t, url, camera.Options{Stall: time.Minute}), open(t, url, camera.Options{Stall: time.Minute, Pure: true})
			if f, g := next(t, cam), next(t, pure); number(f) != 7 || number(g) != 7 {
				t.Errorf("pictures %d and %d", number(f), number(g))
			}
			if i := cam.Info(); !i.Live || i.Kind != "stream" || i.Reader != "go" {
				t.Errorf("info %+v", i)
			}
		})
	}
}

// withoutTables leaves the Huffman tables out, as many cameras do.
func withoutTables(b []byte) []byte {
	from := bytes.Index(b, []byte{0xff, 0xc4})
	to := bytes.Index(b, []byte{0xff, 0xda})
	return append(bytes.Clone(b[:from]), b[to:]...)
}

func part(b []byte) string {
	return fmt.Sprintf("--frame\r\nContent-Length: %d\r\n\r\n%s\r\n", len(b), b)
}

func TestStreamStalls(t *testing.T) {
	url := server(t, multipart, func(w http.ResponseWriter, hold func()) {
		fmt.Fprint(w, part(jpegOf(1)))
		hold()
	})
	cam := open(t, url, camera.Options{Stall: 20 * time.Millisecond})
	_, err := cam.Next(context.Background())
	for errors.Is(err, camera.ErrStalled) { // a busy machine takes its time for the one picture
		_, err = cam.Next(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cam.Next(context.Background()); !errors.Is(err, camera.ErrStalled) {
		t.Errorf("a silent stream: %v", err)
	}
}

func TestStreamVanishes(t *testing.T) {
	for name, rest := range map[string]string{
		"between pictures": "",
		"in a header":      "--frame\r\nContent-Le",
		"in a picture":     "--frame\r\nContent-Length: 5000\r\n\r\nonly a little",
	} {
		url := server(t, multipart, func(w http.ResponseWriter, _ func()) {
			fmt.Fprint(w, part(jpegOf(1)), rest)
		})
		cam := open(t, url, camera.Options{Stall: time.Minute})
		next(t, cam)
		if _, err := cam.Next(context.Background()); !errors.Is(err, camera.ErrBroken) {
			t.Errorf("vanished %s: %v", name, err)
		}
	}
}

// A live source that changes its size is to be opened again; a folder of pictures may hold any.
func TestStreamChangesItsSize(t *testing.T) {
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 32, 24)), nil); err != nil {
		t.Fatal(err)
	}
	changed := make(chan struct{})
	url := server(t, multipart, func(w http.ResponseWriter, hold func()) {
		fmt.Fprint(w, part(jpegOf(1)))
		w.(http.Flusher).Flush()
		<-changed
		fmt.Fprint(w, part(small.Bytes()))
		hold()
	})
	cam := open(t, url, camera.Options{Stall: time.Minute})
	next(t, cam)
	close(changed)
	if _, err := cam.Next(context.Background()); !errors.Is(err, camera.ErrSize) {
		t.Errorf("a smaller picture: %v", err)
	}
}

func TestStreamGarbage(t *testing.T) {
	var large bytes.Buffer
	if err := jpeg.Encode(&large, image.NewGray(image.Rect(0, 0, 16000, 1)), nil); err != nil {
		t.Fatal(err)
	}
	bomb := large.Bytes()
	sof := bytes.Index(bomb, []byte{0xff, 0xc0})
	copy(bomb[sof+5:], []byte{0x3e, 0x80}) // 16000 rows
	for name, stream := range map[string]string{
		"no boundary":       strings.Repeat("noise \x00\xff", 3<<20),
		"one endless line":  strings.Repeat("n", 20<<20),
		"pictures of noise": strings.Repeat(part([]byte("noise")), 40),
		"negative length":   "--frame\r\nContent-Length: -5\r\n\r\n",
		"huge length":       "--frame\r\nContent-Length: 99999999999\r\n\r\n",
		"endless header":    "--frame\r\nX: " + strings.Repeat("x", 1<<20),
		"many headers":      "--frame\r\n" + strings.Repeat("A: b\r\n", 100),
		"bombs":             strings.Repeat(part(bomb), 40),
	} {
		url := server(t, multipart, func(w http.ResponseWriter, hold func()) {
			fmt.Fprint(w, stream)
			hold()
		})
		cam := open(t, url, camera.Options{Stall: time.Minute})
		_, err := cam.Next(context.Background())
		if !errors.Is(err, camera.ErrBroken) && !errors.Is(err, camera.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStreamRecovers has damaged pictures between good ones.
func TestStreamRecovers(t *testing.T) {
	url := server(t, multipart, func(w http.ResponseWriter, hold func()) {
		fmt.Fprint(w, part([]byte("noise")), part(jpegOf(3)))
		hold()
	})
	if f := next(t, open(t, url, camera.Options{Stall: time.Minute})); number(f) != 3 {
		t.Errorf("picture %d", number(f))
	}
}

func TestNoStream(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	page := server(t, "text/html; charset=utf-8", func(w http.ResponseWriter, _ func()) { fmt.Fprint(w, "<p>Log in") })
	for url, want := range map[string]error{gone.URL: camera.ErrNoDevice, page: camera.ErrUnsupported} {
		if _, err := camera.Open(context.Background(), url, camera.Options{}); !errors.Is(err, want) {
			t.Errorf("%v, not %v", err, want)
		}
	}
}

// TestSilentServer accepts and then says nothing; the context ends the wait.
func TestSilentServer(t *testing.T) {
	asked, hold := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-hold
	}))
	defer s.Close()
	defer close(hold)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := camera.Open(ctx, s.URL, camera.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzStream has any bytes as a stream: what is taken for pictures must come
// out again when it is sent with lengths.
func FuzzStream(f *testing.F) {
	f.Add([]byte(part([]byte("one")) + part([]byte("two"))))
	f.Add([]byte("--frame\r\n\r\none\r\n--frame\r\n\r\ntwo\r\n--frame--\r\n"))
	f.Add([]byte("--frame\nContent-Length: 3\n\none"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parts, err := camera.PartsOf(b, "frame")
		if !errors.Is(err, camera.ErrBroken) {
			t.Fatalf("the stream ended with %v", err)
		}
		var again bytes.Buffer
		var sent [][]byte
		for _, p := range parts {
			if len(p) > 0 {
				again.WriteString(part(p))
				sent = append(sent, p)
			}
		}
		got, _ := camera.PartsOf(again.Bytes(), "frame")
		if len(got) != len(sent) {
			t.Fatalf("%d pictures became %d", len(sent), len(got))
		}
		for i := range got {
			if !bytes.Equal(got[i], sent[i]) {
				t.Fatalf("picture %d changed", i)
			}
		}
	})
}
