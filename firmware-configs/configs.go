// Package firmwareconfigs holds the configuration files of a gateway and of a one-machine broker, as they go onto a
// device, inside the binaries that need them. The demo and the tests run with these very files: only the settings
// that Fill is told to replace differ, and each of those must be there to be replaced.
package firmwareconfigs

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
)

// Files are the configuration files, under the names they have in this folder.
//
//go:embed mosquitto systemd udev citygate.toml
var Files embed.FS

// Names of the files that programs read.
const (
	Gateway    = "citygate.toml"
	BrokerConf = "mosquitto/citygate.conf"
	BrokerACL  = "mosquitto/citygate.acl"
	Unit       = "systemd/citygate.service"
	CameraRule = "udev/60-citygate-camera.rules"
)

// setting matches a line of "key value" (mosquitto) or "key = value" (TOML); the separator is kept.
var setting = regexp.MustCompile(`^([A-Za-z_]+)(\s*=\s*|\s+)(\S.*)$`)

// Fill returns the file with the values of some settings replaced; a value is written as it is, so a TOML string
// brings its own quotes. A setting that the file does not have exactly once is an error: then the file and its user
// have drifted apart.
func Fill(file string, values map[string]string) ([]byte, error) {
	b, err := Files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	lines := strings.Split(string(b), "\n")
	for i, line := range lines {
		m := setting.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if v, ok := values[m[1]]; ok {
			count[m[1]]++
			lines[i] = m[1] + m[2] + v
		}
	}
	for key := range values {
		if count[key] != 1 {
			return nil, fmt.Errorf("%s has the setting %q %d times, want once", file, key, count[key])
		}
	}
	return []byte(strings.Join(lines, "\n")), nil
}
