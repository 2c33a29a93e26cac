package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"citygate/fleet/store"
)

const beatEvery = 5 * time.Second

// apiLive sends "change" for each commit and state that was stored, and "beat"
// every 5 s so that a page notices a dead connection. A reader that is too slow
// is sent "resync" and cut off: it connects again and reads everything anew.
func (s *Server) apiLive(w http.ResponseWriter, r *http.Request) error {
	changes, stop := s.o.Store.Watch()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	send := func(event string, v any) error {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data); err != nil {
			return err
		}
		return rc.Flush()
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	if send("beat", map[string]time.Time{"at": s.o.Now().UTC()}) != nil {
		return nil
	}
	for {
		var err error
		select {
		case <-r.Context().Done():
			return nil
		case <-beat.C:
			err = send("beat", map[string]time.Time{"at": s.o.Now().UTC()})
		case c, ok := <-changes:
			if !ok {
				_ = send("resync", struct{}{})
				return nil
			}
			err = send("change", liveChange(c))
		}
		if err != nil {
			return nil
		}
	}
}

type changeJSON struct {
	store.Change
	Epoch string `json:"epoch,omitempty"`
}

func liveChange(c store.Change) changeJSON {
	j := changeJSON{Change: c}
	if c.Epoch != 0 {
		j.Epoch = epochText(c.Epoch)
	}
	return j
}
