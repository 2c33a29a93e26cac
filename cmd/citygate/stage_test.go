package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"citygate/internal/qrcode"
	"citygate/internal/scene"
	"citygate/trust/cache"
	"citygate/trust/code"
	"citygate/trust/ledger/ledgertest"
)

// stage is a network camera before which codes are shown: Motion JPEG over HTTP at a fixed rate.
type stage struct {
	url  string
	rate int
	// play gives the picture of tick n, and the number of the scan that it shows, 0 for none. Guarded by mu, as are the
	// fields below.
	mu    sync.Mutex
	play  func(n int) (scan int, picture []byte)
	first map[int]time.Time // by scan: when the first frame that shows it was sent, whole
}

func newStage(t *testing.T, rate int, play func(n int) (int, []byte)) *stage {
	t.Helper()
	s := &stage{rate: rate, play: play, first: map[int]time.Time{}}
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	s.url = srv.URL + "/stream"
	return s
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=frame")
	tick := time.NewTicker(time.Second / time.Duration(s.rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		s.mu.Lock()
		scan, picture := s.play(n)
		s.mu.Unlock()
		fmt.Fprintf(w, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", len(picture))
		if _, err := w.Write(append(picture, "\r\n"...)); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		s.mu.Lock()
		if _, ok := s.first[scan]; scan > 0 && !ok {
			s.first[scan] = time.Now()
		}
		s.mu.Unlock()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// sent is when the first frame of a scan had been sent.
func (s *stage) sent(scan int) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.first[scan]
	return at, ok
}

// crowd is a city with a full subtree of valid codes, and a neighbour with as many identifiers as asked for.
type crowd struct {
	*ledgertest.Nation
	objects, texts []string
	source         *ledgertest.Source
}

func newCrowd(t *testing.T, neighbour uint64) *crowd {
	t.Helper()
	c := &crowd{Nation: ledgertest.NewNation()}
	c.Time = time.Now().UTC().Truncate(time.Second)
	r := c.AddRegistry("MA.156.1301", "sjz")
	issuer := c.AddIssuer(r, testHost)
	var bodies [][]byte
	for i := range 256 {
		object := fmt.Sprintf("LAMP.%06d", i)
		body, err := code.EncodeBody(false, code.Claims{Nodes: "156.1301.01", Object: object, Kind: code.KindStreetAsset})
		if err != nil {
			t.Fatal(err)
		}
		r.Records.Append(code.EntryOf(body))
		bodies, c.objects = append(bodies, body), append(c.objects, object)
	}
	for i, body := range bodies {
		text, err := code.Text(testHost, code.Code{Key: issuer.Index, Body: body, Index: uint64(i), Path: r.Records.Path(uint64(i))})
		if err != nil {
			t.Fatal(err)
		}
		c.texts = append(c.texts, text)
	}
	c.source = ledgertest.NewSource(c.Nation)
	if neighbour > 0 {
		big := c.AddRegistry("MA.156.1302", "ts")
		c.source.ReplaceBig(ledgertest.NewBig(big.Records, neighbour))
	}
	return c
}

// site is a gateway of the crowd's, its trust database filled, its camera the stage.
func (c *crowd) site(t *testing.T, st *stage) site {
	t.Helper()
	s := newSite(t, &office{Nation: c.Nation})
	state := filepath.Join(s.dir, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := cache.Open(filepath.Join(state, trustFile), cache.Options{Root: c.Root})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Sync(t.Context(), c.source); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s.configure(t, "mirrors", "[]")
	s.configure(t, "camera", strconv.Quote(st.url))
	s.configure(t, "formats", `["qr"]`)
	return s
}

// streets is how many pictures of the empty street there are: a camera that gives one picture again and again is broken.
const streets = 3

// pictures are JPEG frames of a street with each of n codes before it, and after them those of the street alone.
func (c *crowd) pictures(t *testing.T, n, w, h int, module float64) (all [][]byte) {
	t.Helper()
	var bare [streets]*image.Gray
	for i := range bare {
		bare[i] = scene.Luma(scene.Scene{Width: w, Height: h, Seed: 7 + uint64(i), Backdrop: scene.Street, Gamma: 2.2, Noise: 2, Defocus: 0.6}).Luma
	}
	for i := range n + streets {
		gray := image.NewGray(image.Rect(0, 0, w, h))
		copy(gray.Pix, bare[i%streets].Pix)
		if i < n {
			m, err := qrcode.Encode(c.texts[i], qrcode.M)
			if err != nil {
				t.Fatal(err)
			}
			paste(gray, m, module)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, gray, &jpeg.Options{Quality: 85}); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Bytes())
	}
	return all
}

// paste puts a printed code into the middle of a picture.
func paste(g *image.Gray, m qrcode.Matrix, module float64) {
	side := int(module * float64(m.Size()+2*qrcode.QuietZone))
	x0, y0 := (g.Rect.Dx()-side)/2, (g.Rect.Dy()-side)/2
	for y := range side {
		for x := range side {
			level := byte(225)
			if m.At(int(float64(x)/module)-qrcode.QuietZone, int(float64(y)/module)-qrcode.QuietZone) {
				level = 35
			}
			g.Pix[(y0+y)*g.Stride+x0+x] = level
		}
	}
}

// heard is an answer as it came out of the daemon.
type heard struct {
	object string
	seq    uint64
	at     time.Time
}

// listen hands over every answer of the page's stream until the stream or the test ends.
func (s site) listen(t *testing.T) <-chan heard {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan heard, 1024)
	go func() {
		defer res.Body.Close()
		defer close(out)
		event := ""
		for sc := bufio.NewScanner(res.Body); sc.Scan(); {
			name, value, _ := strings.Cut(sc.Text(), ": ")
			var a struct {
				ID  string
				Seq uint64
			}
			switch {
			case name == "event":
				event = value
			case name == "data" && event == "answer" && json.Unmarshal([]byte(value), &a) == nil:
				_, object, _ := strings.Cut(a.ID, "/")
				out <- heard{object, a.Seq, time.Now()}
			}
		}
	}()
	return out
}
