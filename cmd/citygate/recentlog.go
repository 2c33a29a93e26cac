package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// This file implements the memory of the newest log lines, which operations may ask for.

const (
	recentKept  = 256 // lines that are remembered
	maxLogLines = 14  // lines of one answer: they and their names fit a command's result
	maxLogLine  = 240 // bytes of one of them
)

// recentLines passes log lines on and remembers the newest. Each Write is one line of JSON, as slog writes it.
type recentLines struct {
	out io.Writer

	mu    sync.Mutex // guards the fields below
	lines [recentKept][]byte
	next  int
}

func newRecentLines(out io.Writer) *recentLines { return &recentLines{out: out} }

// Write implements [io.Writer].
func (r *recentLines) Write(line []byte) (int, error) {
	r.mu.Lock()
	at := &r.lines[r.next%recentKept]
	*at = append((*at)[:0], line...)
	r.next++
	r.mu.Unlock()
	return r.out.Write(line)
}

// newest returns at most n lines of at least a level, the newest last, each as one short text.
func (r *recentLines) newest(n int, level string) ([]string, error) {
	least := slog.LevelInfo
	if level != "" {
		if err := least.UnmarshalText([]byte(level)); err != nil {
			return nil, fmt.Errorf("level is %.20q, want info, warn or error", level)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for i := r.next - 1; i >= 0 && i >= r.next-recentKept && len(out) < n; i-- {
		if text, at := readable(r.lines[i%recentKept]); at >= least {
			out = append(out, text)
		}
	}
	slices.Reverse(out)
	return out, nil
}

// readable writes a line of JSON as people read it: time, level, message, the rest by name.
func readable(line []byte) (string, slog.Level) {
	var v map[string]any
	var level slog.Level
	if json.Unmarshal(line, &v) != nil {
		return oneLine(string(line)), level
	}
	text := func(name string) string { s, _ := v[name].(string); return s }
	if level.UnmarshalText([]byte(text(slog.LevelKey))) != nil {
		level = slog.LevelInfo
	}
	parts := []string{strings.TrimSuffix(fmt.Sprintf("%.19s", text(slog.TimeKey)), "Z"), level.String(), text(slog.MessageKey)}
	for _, k := range slices.Sorted(maps.Keys(v)) {
		if k != slog.TimeKey && k != slog.LevelKey && k != slog.MessageKey {
			parts = append(parts, fmt.Sprintf("%s=%v", k, v[k]))
		}
	}
	return oneLine(strings.Join(parts, " ")), level
}

// oneLine makes any text one that a message to the fleet may hold.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxLogLine {
		s = strings.ToValidUTF8(s[:maxLogLine], "")
	}
	return strings.TrimSpace(s)
}
