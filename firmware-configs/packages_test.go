package firmwareconfigs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"citygate/edge/config"
)

// content is a line of a package's contents.
type content struct{ src, dst, kind string }

var (
	contentLine = regexp.MustCompile(`^  - \{src: "?([^",]+)"?, dst: "?([^",}]+)"?(.*)\}$`)
	nameLine    = regexp.MustCompile(`(?m)^name: (\S+)$`)
)

// recipes reads the packages' recipes: the contents by package name.
func recipes(t *testing.T) map[string][]content {
	t.Helper()
	files, err := filepath.Glob("deb/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recipes: %v", err)
	}
	all := map[string][]content{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := nameLine.FindStringSubmatch(string(b))
		_, list, ok := strings.Cut(string(b), "\ncontents:\n")
		if name == nil || !ok || name[1]+".yaml" != filepath.Base(f) {
			t.Fatalf("%s: no name or no contents, or the name of another", f)
		}
		for line := range strings.Lines(list) {
			m := contentLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if m == nil {
				t.Fatalf("%s: cannot read %q", f, line)
			}
			kind := ""
			if _, rest, ok := strings.Cut(m[3], "type: "); ok {
				kind, _, _ = strings.Cut(rest, ",")
			}
			all[name[1]] = append(all[name[1]], content{m[1], m[2], kind})
		}
	}
	return all
}

// Every file that a package names is there, no two packages bring the same file, and what an administrator changes, and
// nothing else in /etc, is a conffile.
func TestPackageContents(t *testing.T) {
	owner := map[string]string{}
	for name, list := range recipes(t) {
		for _, c := range list {
			if _, err := os.Stat(filepath.Join("..", c.src)); err != nil && !strings.HasPrefix(c.src, "${BIN}/") {
				t.Errorf("%s: %v", name, err)
			}
			if other := owner[c.dst]; other != "" {
				t.Errorf("%s is in %s and in %s", c.dst, other, name)
			}
			owner[c.dst] = name
			if strings.HasPrefix(c.dst, "/etc/") != (c.kind == "config") {
				t.Errorf("%s: %s has type %q", name, c.dst, c.kind)
			}
		}
		if owner["/usr/share/doc/"+name+"/copyright"] == "" {
			t.Errorf("%s has no copyright file", name)
		}
	}
	units, err := filepath.Glob("systemd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		if owner["/usr/lib/systemd/system/"+filepath.Base(u)] == "" {
			t.Errorf("%s is in no package", u)
		}
	}
}

// A unit's package brings its program, its user and its environment files, or depends on who does.
func TestPackagesBringWhatTheirUnitsName(t *testing.T) {
	foreign := []string{"/usr/sbin/mosquitto", "/usr/bin/cage", "/usr/bin/rauc"} // Debian's
	for name, list := range recipes(t) {
		have := map[string]string{}
		for _, c := range list {
			have[c.dst] = c.src
		}
		for dst, src := range have {
			if !strings.HasSuffix(dst, ".service") {
				continue
			}
			b, err := os.ReadFile(filepath.Join("..", src))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(b)) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				switch key {
				case "ExecStart":
					for _, word := range strings.Fields(value) {
						ours := strings.HasPrefix(word, "/usr/") && !slices.Contains(foreign, word)
						if _, ok := have[word]; ours && !ok {
							t.Errorf("%s: %s runs %s, which it does not bring", name, dst, word)
						}
					}
				case "EnvironmentFile":
					_, ok := have[value]
					if !ok && !strings.Contains(string(b), "\nConditionPathExists="+value+"\n") {
						t.Errorf("%s: %s reads %s, which it does not bring and does not wait for", name, dst, value)
					}
				case "User":
					users, err := os.ReadFile(filepath.Join("..", have["/usr/lib/sysusers.d/"+name+".conf"]))
					if value != "mosquitto" && (err != nil || !strings.Contains(string(users), "\nu "+value+" ") && !strings.HasPrefix(string(users), "u "+value+" ")) {
						t.Errorf("%s: %s runs as %s, whom sysusers does not make (%v)", name, dst, value, err)
					}
				}
			}
		}
	}
}

func TestScriptsAreShell(t *testing.T) {
	var files []string
	for _, pattern := range []string{"build/*.sh", "deb/p*", "kiosk/citygate-kiosk", "image/*.sh", "image/rauc-tryboot"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: none (%v)", pattern, err)
		}
		files = append(files, found...)
	}
	for _, f := range files {
		if out, err := exec.Command("sh", "-n", f).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", f, err, out)
		}
	}
}

// Each board has the files that the table names, its gateway's configuration is one that the daemon takes, and only an
// update for this very board is taken.
func TestBoardProfiles(t *testing.T) {
	profiles, err := filepath.Glob("boards/*/citygate.toml")
	if err != nil || len(profiles) < 6 {
		t.Fatalf("%d profiles: %v", len(profiles), err)
	}
	table, err := os.ReadFile("boards/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range profiles {
		board := filepath.Base(filepath.Dir(f))
		if !strings.Contains(string(table), "\n| `"+board+"` |") {
			t.Errorf("boards/README.md has no row of %s", board)
		}
		c, err := config.Load(f)
		if err != nil {
			t.Error(err)
		}
		if static := strings.Contains(board, "armhf"); static != strings.HasPrefix(c.Cameras[0], "http://") {
			t.Errorf("%s: camera %s: a build without OpenCV has no devices", board, c.Cameras[0])
		}
		update, err := os.ReadFile(filepath.Join("boards", board, "rauc.conf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"\ncompatible=citygate-" + board + "\n", "\nbundle-formats=verity\n", "\nbootname=A\n", "\nbootname=B\n"} {
			if !strings.Contains(string(update), want) {
				t.Errorf("%s: rauc.conf has no line %q", board, strings.TrimSpace(want))
			}
		}
		if _, err := os.Stat(filepath.Join("boards", board, "watchdog.conf")); err != nil {
			t.Error(err)
		}
	}
}

// The browser may show the gateway's page and nothing else, and see and hear nothing.
func TestKioskPolicies(t *testing.T) {
	b, err := os.ReadFile("kiosk/policies.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		URLBlocklist, URLAllowlist, ExtensionInstallBlocklist []string
		VideoCaptureAllowed, AudioCaptureAllowed              *bool
		DeveloperToolsAvailability, DownloadRestrictions      int
	}
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	page := "http://" + config.Default().Listen
	unit, err := os.ReadFile("kiosk/citygate-kiosk.service")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.URLBlocklist, []string{"*"}) || !slices.Equal(p.URLAllowlist, []string{page}) || !strings.Contains(string(unit), "\nEnvironment=CITYGATE_PAGE="+page+"/\n") {
		t.Errorf("blocked %v, allowed %v, want all but %s, which the unit shows", p.URLBlocklist, p.URLAllowlist, page)
	}
	if p.VideoCaptureAllowed == nil || *p.VideoCaptureAllowed || p.AudioCaptureAllowed == nil || *p.AudioCaptureAllowed {
		t.Error("the browser may use a camera or a microphone")
	}
	if p.DeveloperToolsAvailability != 2 || p.DownloadRestrictions != 3 || !slices.Equal(p.ExtensionInstallBlocklist, []string{"*"}) {
		t.Error("developer tools, downloads or extensions are open")
	}
}
