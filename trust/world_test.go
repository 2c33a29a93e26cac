package trust_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

const host = "ID.SJZ.EXAMPLE"

// world is a nation with the records that the tests show codes of.
type world struct {
	*ledgertest.Nation
	sjz    *ledgertest.Registry
	issuer map[string]ledgertest.Issuer
	record map[string]record
}

type record struct {
	index uint64
	body  []byte
}

var holderKey = ledgertest.Key("holder")

// newWorld issues, in the log of Shijiazhuang: one sealed batch, and a second
// one of which 10 records are in the open tile.
func newWorld(t testing.TB) *world {
	t.Helper()
	n := ledgertest.NewNation()
	cn := n.AddRegistry("MA.156", "cn")
	w := &world{Nation: n, record: map[string]record{}, issuer: map[string]ledgertest.Issuer{}}
	w.sjz = n.AddRegistry("MA.156.1301", "sjz")
	tangshan := n.AddRegistry("MA.156.1302", "ts")
	w.issuer["sjz"] = n.AddIssuer(w.sjz, "other.example", strings.ToLower(host))
	w.issuer["withdrawn"] = n.AddIssuer(w.sjz, host)
	w.issuer["bureau"] = n.AddIssuerFor(w.sjz, "MA.156.1301.02", host)
	w.issuer["cn"] = n.AddIssuer(cn, host)
	w.issuer["ts"] = n.AddIssuer(tangshan, host)
	w.issuer["none"] = ledgertest.Issuer{Index: 0, Private: ledgertest.Key("none")}
	w.issuer["beyond"] = ledgertest.Issuer{Index: 1000, Private: ledgertest.Key("beyond")}
	w.issuer["future"] = w.addFuture()
	w.addRecords(t, cn)
	w.sjz.Records.Pad()
	w.add(t, w.sjz, "open", false, lamp("LAMP.000900"))
	w.add(t, w.sjz, "open permit", true, permit("900"))
	w.sjz.Records.Fill(8)
	n.Withdraw(w.issuer["withdrawn"], w.record["lamp"].index)
	n.SetStatus(w.sjz, w.record["all wrong, revoked"].index, ledger.Revoked)
	n.SetStatus(w.sjz, w.record["all wrong, suspended"].index, ledger.Suspended)
	n.SetStatus(w.sjz, w.record["lamp strange"].index, 77)
	cn.Records.Pad()
	w.addUnlogged(t)
	return w
}

// addUnlogged signs records that no log has yet.
func (w *world) addUnlogged(t testing.TB) {
	now := w.Time.Add(time.Minute)
	for _, r := range []struct {
		name     string
		personal bool
		issued   time.Duration
	}{
		{"new", false, -10 * time.Minute},
		{"new, too old", false, -10*time.Minute - time.Second},
		{"new, ahead", false, 10 * time.Minute},
		{"new, too far ahead", false, 10*time.Minute + time.Second},
		{"new, personal", true, 0},
		{"new, no time of issue", false, -time.Duration(now.UnixNano())},
	} {
		c := lamp("LAMP.007777")
		c.Issued, c.Salt = now.Add(r.issued).Unix(), make([]byte, 16)
		body, err := code.EncodeBody(r.personal, c)
		if err != nil {
			t.Fatal(err)
		}
		w.record[r.name] = record{w.sjz.Records.Size(), body}
	}
}

// addFuture logs a key row of an algorithm that no build of today has, at the
// prefix of another city, withdrawn from the start.
func (w *world) addFuture() ledgertest.Issuer {
	key := ledgertest.Key("future")
	row := &ledger.KeyRow{
		Prefix: "MA.156.1302", Key: key.Public().(ed25519.PublicKey), Alg: -48,
		Hosts: []string{"future.example"}, Records: "ts-records", Status: "ts-status",
	}
	i := w.Log(ledger.DirectoryEntry{Key: row}, w.SignersFor(row.Prefix)...)
	k := ledgertest.Issuer{Index: uint32(i), Private: key, Row: row}
	w.Withdraw(k, 0)
	return k
}

func (w *world) addRecords(t testing.TB, cn *ledgertest.Registry) {
	now := w.Time.Unix()
	wrong := permit("1")
	wrong.NotAfter, wrong.NotBefore = now-7200, now+3600
	early := wrong
	early.NotAfter = now + 7200
	w.add(t, w.sjz, "early record", false, lamp("LAMP.000001"))
	w.add(t, w.sjz, "all wrong, revoked", true, wrong)
	w.add(t, w.sjz, "all wrong, suspended", true, wrong)
	w.add(t, w.sjz, "all wrong", true, wrong)
	w.add(t, w.sjz, "early", true, early)
	w.add(t, w.sjz, "permit", true, permit("2"))
	w.add(t, w.sjz, "lamp", false, lamp("LAMP.000421"))
	w.add(t, w.sjz, "lamp strange", false, lamp("LAMP.000422"))
	ending := lamp("LAMP.000423")
	ending.NotAfter = now + 3600
	w.add(t, w.sjz, "ending lamp", false, ending)
	coming := lamp("LAMP.000424")
	coming.NotBefore = now + 3600
	w.add(t, w.sjz, "coming lamp", false, coming)
	w.add(t, w.sjz, "building", false, code.Claims{Nodes: "156.1301.02", Object: "DOOR.1", Kind: code.KindBuilding, Language: "zh-CN"})
	w.add(t, w.sjz, "sjz by itself", false, code.Claims{Nodes: "156.1301"})
	w.add(t, cn, "city", false, code.Claims{Nodes: "156.1301"})
	w.add(t, cn, "city's lamp", false, lamp("LAMP.1"))
}

// add issues a record.
func (w *world) add(t testing.TB, r *ledgertest.Registry, name string, personal bool, c code.Claims) {
	t.Helper()
	body, err := code.EncodeBody(personal, c)
	if err != nil {
		t.Fatal(err)
	}
	w.record[name] = record{r.Records.Append(code.EntryOf(body)), body}
}

func lamp(object string) code.Claims {
	return code.Claims{Nodes: "156.1301.01", Object: object, Kind: code.KindStreetAsset}
}

// permit is a person's permit, valid at places of the city's traffic department.
func permit(number string) code.Claims {
	salt := sha256.Sum256([]byte(number))
	return code.Claims{
		Nodes: "156.1301.02", Object: "PERMIT." + number, Kind: code.KindPermit, Salt: salt[:16],
		Holder: holderKey.Public().(ed25519.PublicKey), Places: []string{"MA.156.1302", "MA.156.1301.02"},
	}
}

// scene is one code shown at one moment. The zero scene is a mistake; start
// from world.scene.
type scene struct {
	record string // whose body the code carries
	at     string // whose index and path; the record's own if empty
	issuer string
	ahead  uint64 // added to the index

	unsigned, forged, fresh bool

	shown      bool // as a C2, and then:
	shownAt    time.Time
	nonce      []byte
	impostor   bool // the holder's signature is wrong
	old, new   string
	moment     trust.Moment
	policy     *trust.Policy
	checkpoint map[string]time.Time // see ledgertest.ViewWith
}

// scene is a record of the city, shown well.
func (w *world) scene(record string) scene {
	now := w.Time.Add(time.Minute)
	gate, err := cityid.Parse("MA.156.1301.02/GATE.7")
	if err != nil {
		panic(err)
	}
	return scene{
		record: record, issuer: "sjz", shown: strings.Contains(record, "permit"), shownAt: now,
		moment: trust.Moment{Now: now, Synced: true, Started: now.Add(-time.Hour), Place: gate},
		policy: trust.DefaultPolicy(), checkpoint: map[string]time.Time{},
	}
}

// text writes the code of a scene.
func (w *world) text(t testing.TB, s scene) string {
	t.Helper()
	at := s.at
	if at == "" {
		at = s.record
	}
	issuer := w.issuer[s.issuer]
	c := code.Code{Key: issuer.Index, Body: w.record[s.record].body, Index: w.record[at].index + s.ahead}
	if !s.fresh {
		c.Path = w.path(issuer, c.Index)
	}
	if !s.unsigned {
		var err error
		if c.Sig, err = code.Sign(issuer.Private, code.AlgEd25519, c.Key, c.Body); err != nil {
			t.Fatal(err)
		}
		if s.forged {
			c.Sig[0] ^= 1
		}
	}
	out, err := code.Text(host, c)
	if s.shown {
		p, perr := code.Present(holderKey, c, s.shownAt.Unix(), s.nonce)
		if perr != nil {
			t.Fatal(perr)
		}
		if s.impostor {
			p.Sig[0] ^= 1
		}
		out, err = code.PresentedText(host, p)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, s.old) {
		t.Fatalf("no %q in the text", s.old)
	}
	return strings.Replace(out, s.old, s.new, 1)
}

// path is the true path where there is one, and 8 wrong siblings elsewhere.
func (w *world) path(issuer ledgertest.Issuer, index uint64) []byte {
	for _, r := range w.Registries {
		if issuer.Row != nil && r.Records.Short == issuer.Row.Records && index < r.Records.Size()&^255 {
			return r.Records.Path(index)
		}
	}
	return bytes.Repeat([]byte{0x5a}, code.PathSize)
}

func (w *world) check(t testing.TB, s scene) trust.Verdict {
	t.Helper()
	return trust.Check(w.text(t, s), w.ViewWith(s.checkpoint), s.policy, s.moment)
}
