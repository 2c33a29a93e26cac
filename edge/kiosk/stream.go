package kiosk

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// clientQueue is how many events may wait for one client. A client that is slower is cut off; its browser comes back
// by itself, and Last-Event-ID tells it what it missed.
const clientQueue = 64

// message is one server-sent event, ready to be written.
type message struct {
	id, event, data string
}

func (m message) String() string {
	var b strings.Builder
	if m.id != "" {
		fmt.Fprintf(&b, "id: %s\n", m.id)
	}
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", m.event, m.data)
	return b.String()
}

// hub hands every event to every client and remembers the newest answers.
type hub struct {
	now func() time.Time

	mu      sync.Mutex
	closed  bool                      // guarded by mu; no client is taken any more
	state   message                   // guarded by mu
	nonce   message                   // guarded by mu; its event is "" before the first
	staff   message                   // guarded by mu; likewise
	answers []Answer                  // guarded by mu; oldest first, at most Replay
	clients map[chan message]struct{} // guarded by mu; only the hub closes a channel, and removes it then
}

func newHub(now func() time.Time) *hub {
	return &hub{
		now:     now,
		clients: make(map[chan message]struct{}),
		state:   stateMessage(State{State: StateOutOfService, Reason: "starting"}),
	}
}

// subscribe returns a channel with everything from now on, preceded by what the client with this Last-Event-ID has
// missed and by the state now.
func (h *hub) subscribe(lastID string) chan message {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := make(chan message, clientQueue+Replay+3)
	if h.closed {
		close(c)
		return c
	}
	for _, m := range []message{h.state, h.nonce, h.staff} {
		if m.event != "" {
			c <- m
		}
	}
	for _, a := range h.missed(lastID) {
		c <- h.answerMessage(a)
	}
	h.clients[c] = struct{}{}
	return c
}

// missed lists the kept answers after the one named by id. An id of another start of the daemon has missed them all. A
// client that is new gets the answer that stands on the screen now, so that a page loaded anew goes on with it.
func (h *hub) missed(id string) []Answer {
	if id == "" {
		n := len(h.answers)
		if n > 0 && !h.answers[n-1].Test && h.now().Sub(h.answers[n-1].At) < h.answers[n-1].Hold() {
			return h.answers[n-1:]
		}
		return nil
	}
	for i, a := range h.answers {
		if answerID(a) == id {
			return h.answers[i+1:]
		}
	}
	return h.answers
}

func (h *hub) unsubscribe(c chan message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(c)
}

// drop needs mu.
func (h *hub) drop(c chan message) {
	if _, ok := h.clients[c]; ok {
		delete(h.clients, c)
		close(c)
	}
}

// send needs mu.
func (h *hub) send(m message) {
	for c := range h.clients {
		select {
		case c <- m:
		default:
			h.drop(c)
		}
	}
}

func (h *hub) answer(a Answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
	if len(h.answers) == Replay {
		h.answers = append(h.answers[:0], h.answers[1:]...)
	}
	h.answers = append(h.answers, a)
	h.send(h.answerMessage(a))
}

func (h *hub) setState(s State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = stateMessage(s)
	h.send(h.state)
	s.Outline = nil
	h.state = stateMessage(s) // a client that comes later is not told where a code was
}

// setNonce and setStaff send what a client that comes later is told too.
func (h *hub) setNonce(m message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nonce = m
	h.send(m)
}

func (h *hub) setStaff(m message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.staff = m
	h.send(m)
}

func (h *hub) beat(clockSet bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
	h.send(beatMessage(h.now(), clockSet))
}

// forget removes what belongs to a person from answers whose hold is over. It needs mu.
func (h *hub) forget() {
	now := h.now()
	for i := len(h.answers) - 1; i >= 0 && h.answers[i].Ending != ""; i-- {
		if now.Sub(h.answers[i].At) > h.answers[i].Hold() {
			h.answers[i].Ending = ""
		}
	}
}

// close ends every client's stream.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.clients {
		h.drop(c)
	}
}

func answerID(a Answer) string {
	return fmt.Sprintf("%016x-%d", a.Epoch, a.Seq)
}

// answerMessage writes the answer as the page reads it. The age lets a page that comes back see what is over.
func (h *hub) answerMessage(a Answer) message {
	age := h.now().Sub(a.At)
	if age < 0 {
		age = 0
	}
	if age > a.Hold() {
		a.Ending = ""
	}
	var kind *uint64
	if a.Kind != 0 {
		kind = &a.Kind
	}
	return message{answerID(a), "answer", encode(answerData(a, age, kind))}
}

// answerData is the answer in the form in which the page reads it.
func answerData(a Answer, age time.Duration, kind *uint64) any {
	return struct {
		Epoch     string            `json:"epoch"`
		Seq       uint64            `json:"seq"`
		At        string            `json:"at"`
		Verdict   string            `json:"verdict"`
		Class     string            `json:"class"`
		Accept    bool              `json:"accept"`
		ID        string            `json:"id,omitempty"`
		Kind      *uint64           `json:"kind,omitempty"`
		Personal  bool              `json:"personal,omitempty"`
		Ending    string            `json:"ending,omitempty"`
		Issuer    map[string]string `json:"issuer,omitempty"`
		Lang      string            `json:"lang,omitempty"`
		HoldMS    int64             `json:"hold_ms"`
		AgeMS     int64             `json:"age_ms"`
		Symbology string            `json:"symbology"`
		Staff     bool              `json:"staff,omitempty"`
		Test      bool              `json:"test,omitempty"`
		Camera    int               `json:"camera,omitempty"`
	}{
		fmt.Sprintf("%016x", a.Epoch), a.Seq, a.At.UTC().Format(time.RFC3339Nano), a.Verdict, a.Class, a.Accept,
		a.ID, kind, a.Personal, a.Ending, a.Issuer, a.Lang, a.Hold().Milliseconds(), age.Milliseconds(), a.Symbology, a.Staff, a.Test,
		a.Camera,
	}
}

func stateMessage(s State) message {
	return message{"", "state", encode(struct {
		State   string         `json:"state"`
		Outline *[4][2]float64 `json:"outline,omitempty"`
		Reason  string         `json:"reason,omitempty"`
		Camera  int            `json:"camera,omitempty"`
	}{s.State, s.Outline, s.Reason, s.Camera})}
}

func beatMessage(now time.Time, clockSet bool) message {
	clock := "set"
	if !clockSet {
		clock = "unset"
	}
	return message{"", "beat", `{"at":` + strconv.Quote(now.UTC().Format(time.RFC3339)) + `,"clock":"` + clock + `"}`}
}

// encode marshals values that cannot fail: no cycles, no channels; coordinates are finite by the caller's contract.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("kiosk: " + err.Error())
	}
	return string(b)
}
