package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"citygate/fleet"
)

// view is what every template gets; Data is the page's own.
type view struct {
	s     *Server
	now   time.Time
	url   *url.URL
	Lang  string
	Theme string // "day", "night", or "auto" for the browser's wish
	Page  string // which view is current in the bar
	Title string
	Data  any

	Person   string // who is signed in, "" where nothing can be changed here
	Findings int    // open, for the bar
	Alarms   bool
	tmpl     string
}

// page builds and renders one page. It is rendered whole before the first byte
// is sent, so an error never leaves half a page.
func (s *Server) page(w http.ResponseWriter, r *http.Request, build func(*http.Request, *view) error) {
	v := &view{s: s, now: s.o.Now(), url: r.URL, Lang: s.language(w, r), Theme: theme(w, r), Person: s.person(r)}
	totals, err := s.o.Store.Totals(r.Context())
	if err == nil {
		for kind, n := range totals.Findings {
			v.Findings += int(n)
			v.Alarms = v.Alarms || fleet.Kind(kind).Severity() == fleet.Alarm
		}
		err = build(r, v)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var buf bytes.Buffer
	if err := s.templates.ExecuteTemplate(&buf, v.tmpl, v); err != nil {
		s.fail(w, r, fmt.Errorf("render %s: %w", v.tmpl, err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.Lang)
	_, _ = w.Write(buf.Bytes())
}

// language is the one asked for in the address, then the one chosen before,
// then the browser's, then the configured one.
func (s *Server) language(w http.ResponseWriter, r *http.Request) string {
	if l := choice(w, r, "lang", "zh-CN", "en"); l != "" {
		return l
	}
	for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch base, _, _ := strings.Cut(strings.ToLower(tag), "-"); base {
		case "zh":
			return "zh-CN"
		case "en":
			return "en"
		}
	}
	return s.o.Language
}

func theme(w http.ResponseWriter, r *http.Request) string {
	if t := choice(w, r, "theme", "day", "night", "auto"); t != "" {
		return t
	}
	return "auto"
}

// choice reads a setting from the address, and remembers it, or from its cookie.
func choice(w http.ResponseWriter, r *http.Request, name string, allowed ...string) string {
	asked := r.URL.Query().Get(name)
	for _, a := range allowed {
		if asked == a {
			http.SetCookie(w, &http.Cookie{Name: "citygate-" + name, Value: a, Path: "/", MaxAge: 365 * 86400,
				HttpOnly: true, SameSite: http.SameSiteStrictMode})
			return a
		}
	}
	if c, err := r.Cookie("citygate-" + name); err == nil {
		for _, a := range allowed {
			if c.Value == a {
				return a
			}
		}
	}
	return ""
}

// With is the present address with one parameter changed; an empty value takes
// it away.
func (v *view) With(pairs ...string) string {
	q := v.url.Query()
	q.Del("lang")
	q.Del("theme")
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return v.url.Path
	}
	return v.url.Path + "?" + q.Encode()
}

// T is a text of the page in its language.
func (v *view) T(key string) string {
	t, ok := lookup(key)
	if !ok {
		return key
	}
	if v.Lang == "zh-CN" {
		return t[1]
	}
	return t[0]
}

// F is a text with figures in it.
func (v *view) F(key string, args ...any) string { return fmt.Sprintf(v.T(key), args...) }

// Has tells whether there is a text for a key.
func (v *view) Has(key string) bool { _, ok := lookup(key); return ok }

// FleetName is the configured name of the fleet.
func (v *view) FleetName() string {
	if t := v.s.o.Title[v.Lang]; t != "" {
		return t
	}
	return v.T("fleet")
}

// Ingest is the broker's connection, nil where it is not known.
func (v *view) Ingest() *Ingest {
	if v.s.o.Ingest == nil {
		return nil
	}
	in := v.s.o.Ingest()
	return &in
}

// Version is this program's.
func (v *view) Version() string { return v.s.o.Version }

// Clock is the present time with its zone; Zone the zone's name for the script.
func (v *view) Clock() string {
	_, offset := v.now.In(v.s.o.Zone).Zone()
	sign := "+"
	if offset < 0 {
		sign, offset = "−", -offset
	}
	zone := fmt.Sprintf("UTC%s%d", sign, offset/3600)
	if m := offset % 3600 / 60; m != 0 {
		zone += fmt.Sprintf(":%02d", m)
	}
	return v.now.In(v.s.o.Zone).Format("15:04:05") + " " + zone
}

// Offset is the zone's offset in seconds, for the script's clock.
func (v *view) Offset() int {
	_, o := v.now.In(v.s.o.Zone).Zone()
	return o
}

// NowMS is the present time in milliseconds since 1970, for the script's clock.
func (v *view) NowMS() int64 { return v.now.UnixMilli() }

// At is a time of day, with the date where it is another day.
func (v *view) At(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t, now := t.In(v.s.o.Zone), v.now.In(v.s.o.Zone)
	if dayStart(t).Equal(dayStart(now)) {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04")
}

// Progress is how far a command is.
func (v *view) Progress(c fleet.Command) string { return v.T("progress-" + c.Progress(v.now)) }

// Stamp is a time for machines.
func (v *view) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Ago is how long ago something was.
func (v *view) Ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return v.Dur(v.now.Sub(t))
}

// Dur is a length of time in one or two units.
func (v *view) Dur(d time.Duration) string {
	d = max(d, 0)
	switch s := int64(d / time.Second); {
	case s < 60:
		return v.F("dur-s", s)
	case s < 3600:
		return v.F("dur-min", s/60)
	case s < 86400 && s%3600 >= 60:
		return v.F("dur-h-min", s/3600, s%3600/60)
	case s < 86400:
		return v.F("dur-h", s/3600)
	case s < 7*86400 && s%86400 >= 3600:
		return v.F("dur-d-h", s/86400, s%86400/3600)
	default:
		return v.F("dur-d", s/86400)
	}
}

// Num is a number with thousands set apart.
func (v *view) Num(n any) string {
	s := fmt.Sprint(n)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "−" + s
	}
	return s
}

// Mark is the shape of a severity: circle, diamond, square or octagon. With a
// label it speaks for itself; without one the word stands beside it.
func (v *view) Mark(severity any, label bool) template.HTML {
	sev, ok := severity.(fleet.Severity)
	if n, isInt := severity.(int); isInt && !ok {
		sev = fleet.Severity(n) // a number written in a template
	}
	return mark(sev.String(), v.T("state-"+sev.String()), label)
}

// ClassMark is the shape of a verdict's class.
func (v *view) ClassMark(verdict string) template.HTML {
	c := fleet.ClassOf(verdict)
	return mark(map[fleet.Class]string{fleet.ClassAccepted: "fine", fleet.ClassRefused: "alarm",
		fleet.ClassCannotCheck: "attention", fleet.ClassUnknown: "offline"}[c], v.T("class-"+string(c)), true)
}

// mark builds a shape from our own constant words only.
func mark(shape, word string, label bool) template.HTML {
	attr := `aria-hidden="true"`
	if label {
		attr = `role="img" aria-label="` + template.HTMLEscapeString(word) + `"`
	}
	return template.HTML(`<svg class="mk m-` + shape + `" ` + attr + `><use href="#m-` + shape + `"/></svg>`)
}

// List hands several values to one template.
func (v *view) List(values ...any) []any { return values }

// Themes are the choices of colours.
func (v *view) Themes() []string { return []string{"auto", "day", "night"} }

// Query is the present address's query, with its "?".
func (v *view) Query() string {
	if v.url.RawQuery == "" {
		return ""
	}
	return "?" + v.url.RawQuery
}

// Class is the class of a verdict, for a class name.
func (v *view) Class(verdict string) string { return string(fleet.ClassOf(verdict)) }

// Waiting is the age of a gateway's oldest waiting event.
func (v *view) Waiting(g judged) string { return v.waiting(g) }
