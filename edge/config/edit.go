package config

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Edit sets keys in the text of a configuration file and leaves everything else, comments too, as it is. Values are by
// key: a string, or a list of strings. A key that the file does not have is added before its first line. The result is
// checked as [Parse] does; name is the file's.
func Edit(name string, data []byte, values map[string]any) ([]byte, error) {
	lines := strings.SplitAfter(string(data), "\n")
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		text, err := tomlLine(key, values[key])
		if err != nil {
			return nil, err
		}
		at := keyLines([]byte(strings.Join(lines, "")))[key]
		if at == 0 {
			missing = append(missing, text)
			continue
		}
		end := at
		for end < len(lines) && !whole(lines[at-1:end]) { // a list may go over several lines
			end++
		}
		lines = slices.Replace(lines, at-1, end, text)
	}
	out := []byte(strings.Join(append(missing, lines...), ""))
	if _, err := Parse(name, out); err != nil {
		return nil, err
	}
	return out, nil
}

func tomlLine(key string, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return key + " = " + quote(v) + "\n", nil
	case []string:
		return key + " = " + quoteList(v) + "\n", nil
	}
	return "", fmt.Errorf("edit configuration: key %q cannot be a %T", key, value)
}

// whole tells whether the lines are complete TOML by themselves.
func whole(lines []string) bool {
	var v map[string]any
	return toml.NewDecoder(bytes.NewReader([]byte(strings.Join(lines, "")))).Decode(&v) == nil
}
