package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// answer is what the citizen's page was told to show, as the page's event stream says it.
type answer struct {
	Epoch   string `json:"epoch"`
	Seq     uint64 `json:"seq"`
	At      string `json:"at"`
	Verdict string `json:"verdict"`
	Class   string `json:"class"`
	Accept  bool   `json:"accept"`
	ID      string `json:"id,omitempty"`
}

func (a answer) key() eventKey { return eventKey{a.Epoch, a.Seq} }

// eventKey is what makes an event one event, everywhere.
type eventKey struct {
	epoch string
	seq   uint64
}

// journal is the witness of the promise that nothing shown is lost: it reads the same event stream as the citizen's
// page, outside the gateway, and writes each answer to a file before anything else is done with it. The file goes on
// over starts, so that the fleet is asked for everything that was ever shown.
type journal struct {
	file *os.File
	news chan answer

	mu      sync.Mutex // guards what follows
	seen    map[eventKey]bool
	all     []answer
	current int // answers of earlier starts come first in all
}

// openJournal reads what earlier starts wrote. A last line that a kill cut short is dropped: the answer in it was never
// counted.
func openJournal(path string) (*journal, error) {
	j := &journal{seen: map[eventKey]bool{}, news: make(chan answer, 256)}
	if old, err := os.Open(path); err == nil {
		for sc := bufio.NewScanner(old); sc.Scan(); {
			var a answer
			if json.Unmarshal(sc.Bytes(), &a) == nil && a.Epoch != "" && !j.seen[a.key()] {
				j.seen[a.key()] = true
				j.all = append(j.all, a)
			}
		}
		old.Close()
	}
	j.current = len(j.all)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j.file = f
	// The line a kill cut short must not swallow the next one.
	_, err = f.WriteString("\n")
	return j, err
}

// follow reads the stream at url until ctx ends, and connects again whenever it breaks, from where it was. connected
// is called at each connection.
func (j *journal) follow(ctx context.Context, url string, connected func()) {
	last := ""
	for ctx.Err() == nil {
		_ = j.read(ctx, url, &last, connected)
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}

func (j *journal) read(ctx context.Context, url string, last *string, connected func()) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if *last != "" {
		req.Header.Set("Last-Event-ID", *last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("event stream: %s", res.Status)
	}
	connected()
	event, data, id := "", "", ""
	sc := bufio.NewScanner(res.Body)
	for sc.Scan() {
		line := sc.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if event == "answer" {
				if err := j.note(data); err != nil {
					return err
				}
			}
			if id != "" {
				*last = id
			}
			event, data, id = "", "", ""
		case field == "event":
			event = value
		case field == "data":
			data += value
		case field == "id":
			id = value
		}
	}
	return sc.Err()
}

func (j *journal) note(data string) error {
	var a answer
	if err := json.Unmarshal([]byte(data), &a); err != nil {
		return fmt.Errorf("answer in the event stream: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen[a.key()] {
		return nil
	}
	if _, err := fmt.Fprintf(j.file, "%s\n", data); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.seen[a.key()] = true
	j.all = append(j.all, a)
	select {
	case j.news <- a:
	default: // nobody reads along; the journal has it
	}
	return nil
}

// answers returns all answers of all starts, and those of this start.
func (j *journal) answers() (all, now []answer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]answer(nil), j.all...), append([]answer(nil), j.all[j.current:]...)
}

func (j *journal) close() error { return j.file.Close() }
