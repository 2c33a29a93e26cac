package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"citygate/internal/durable"
)

// This file implements the book of personal records that wait for their batch to be sealed. It is as long as one batch, and read and written whole.

func pendingFile(dir string) string { return filepath.Join(dir, "books", "pending.jsonl") }

// readPending gives the records that wait, without those that a crash left behind after they were logged.
func (r *Registry) readPending() ([]row, error) {
	b, err := os.ReadFile(pendingFile(r.dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read pending records: %w", err)
	}
	var rows []row
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var w row
		if err := d.Decode(&w); err != nil {
			return nil, fmt.Errorf("read pending records: %w", err)
		}
		if _, logged, err := r.requested(w.Request); err != nil {
			return nil, err
		} else if !logged {
			rows = append(rows, w)
		}
	}
	return rows, nil
}

// addPending makes new records that wait durable, keeping those of before.
func (r *Registry) addPending(before, added []row) error {
	if len(added) == 0 {
		return nil
	}
	all := append(append([]row(nil), before...), added...)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, w := range all {
		if err := e.Encode(w); err != nil {
			return fmt.Errorf("keep pending records: %w", err)
		}
	}
	return durable.WriteFile(pendingFile(r.dir), b.Bytes(), keyMode)
}

func removePending(dir string) error {
	if err := os.Remove(pendingFile(dir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("remove pending records: %w", err)
	}
	return durable.SyncDir(filepath.Dir(pendingFile(dir)))
}
