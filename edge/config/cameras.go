package config

import (
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// MaxCameras is how many cameras a gateway may have.
const MaxCameras = 4

// Cameras are the sources of a gateway's frames. In the file it is one text, or a list of them.
type Cameras []string

// UnmarshalTOML reads either form. What is neither becomes an empty list, so that the check of the key, which knows the
// line, refuses it.
func (c *Cameras) UnmarshalTOML(value []byte) error {
	var v struct{ Camera any }
	if err := toml.Unmarshal(append([]byte("camera = "), value...), &v); err != nil {
		return err
	}
	list, ok := v.Camera.([]any)
	if !ok {
		list = []any{v.Camera}
	}
	*c = nil
	for _, one := range list {
		source, ok := one.(string)
		if !ok {
			*c = nil
			return nil
		}
		*c = append(*c, source)
	}
	return nil
}

// checkCameras wants each camera once: two readers of one device would take each other's frames.
func checkCameras(list Cameras) string {
	if len(list) == 0 || len(list) > MaxCameras {
		return fmt.Sprintf("is neither a text nor a list of 1 to %d texts", MaxCameras)
	}
	seen := map[string]bool{}
	for _, source := range list {
		if source == "" {
			return "the name of a camera is empty"
		}
		if seen[source] {
			return fmt.Sprintf("%q is there twice", source)
		}
		seen[source] = true
	}
	return ""
}
