package kiosk_test

import (
	"net/http"
	"net/http/httptest"
	"time"

	"citygate/edge/kiosk"
)

// scenes are the states of the page, each with what must stand on it.
var scenes = []struct {
	name   string
	show   func(*kiosk.Server)
	zh, en string // the headline
	class  string // the body's class
}{
	{"idle", idle, "请出示二维码", "Show your code", "idle"},
	{"aiming", func(s *kiosk.Server) { s.State(kiosk.State{State: kiosk.StateAiming, Outline: seen()}) },
		"请保持不动", "Hold still", "aiming"},
	{"checking", func(s *kiosk.Server) { s.State(kiosk.State{State: kiosk.StateChecking, Outline: seen()}) },
		"正在核验", "Checking", "checking"},
	{"valid", func(s *kiosk.Server) { s.Answer(lamp("valid", kiosk.ClassAccepted)) }, "有效", "Valid", "accepted"},
	{"valid-personal", func(s *kiosk.Server) {
		a := lamp("valid", kiosk.ClassAccepted)
		a.ID, a.Personal, a.Ending = "", true, "7Q2F"
		s.Answer(a)
	}, "有效", "Valid", "accepted"},
	{"revoked", func(s *kiosk.Server) { s.Answer(lamp("revoked", kiosk.ClassRefused)) },
		"此码已作废", "Code withdrawn", "refused"},
	{"expired", func(s *kiosk.Server) { s.Answer(lamp("expired", kiosk.ClassRefused)) }, "已过期", "Expired", "refused"},
	{"not-yet-valid", func(s *kiosk.Server) { s.Answer(lamp("not-yet-valid", kiosk.ClassRefused)) },
		"尚未生效", "Not valid yet", "refused"},
	{"not-in-ledger", func(s *kiosk.Server) { s.Answer(bare("not-in-ledger", kiosk.ClassRefused)) },
		"查无此码", "Not on record", "refused"},
	{"mismatch", func(s *kiosk.Server) { s.Answer(bare("mismatch", kiosk.ClassRefused)) },
		"码内信息不符", "Details do not match", "refused"},
	{"foreign", func(s *kiosk.Server) { s.Answer(bare("foreign", kiosk.ClassRefused)) },
		"不是城市码", "Not a city code", "refused"},
	{"pending", func(s *kiosk.Server) { s.Answer(bare("pending", kiosk.ClassCannotCheck)) },
		"登记尚未同步", "Not on record yet", "cannot"},
	{"stale-trust", func(s *kiosk.Server) { s.Answer(bare("stale-trust", kiosk.ClassCannotCheck)) },
		"暂时无法核验", "Cannot check now", "cannot"},
	{"out-of-service", func(s *kiosk.Server) {
		s.State(kiosk.State{State: kiosk.StateOutOfService, Reason: "camera-missing"})
	}, "暂停服务", "Out of service", "closed"},
	{"asked", func(s *kiosk.Server) { s.Nonce(asking); idle(s) }, "请出示二维码", "Show your code", "asked"},
	{"asked-again", func(s *kiosk.Server) {
		s.Nonce(asking)
		s.Answer(lamp("stale-presentation", kiosk.ClassRefused))
	}, "码已超时", "Code timed out", "asked"},
	{"staff", openStaff, "检修模式", "Staff mode", "staffing"},
	{"staff-test", func(s *kiosk.Server) {
		openStaff(s)
		touch(s, "read")
		a := lamp("valid", kiosk.ClassAccepted)
		a.Test = true
		s.Answer(a)
	}, "检修模式", "Staff mode", "staffing"},
}

// asking is a nonce as a kiosk shows it.
var asking = kiosk.Nonce{Digits: "48219073", Page: "https://id.sjz.example/citygate.page/holder.html"}

// rest takes away what a scene leaves on the screen beyond its hold.
func rest(s *kiosk.Server) {
	s.Nonce(kiosk.Nonce{})
	touch(s, "leave")
	idle(s)
}

func openStaff(s *kiosk.Server) {
	a := bare("valid", kiosk.ClassAccepted)
	a.Staff = true
	s.Answer(a)
}

// touch is what the page posts, and the status that it gets.
func touch(s *kiosk.Server, name string) int {
	r := httptest.NewRequest(http.MethodPost, "/staff/"+name, nil)
	r.Host = "127.0.0.1:8480"
	r.Header.Set("Origin", "http://127.0.0.1:8480")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code
}

// duty is a staff mode with a reading of each kind.
func duty() *kiosk.Staff {
	return &kiosk.Staff{
		Device: "sjz-0042", Version: "1.8.3", TestRead: func(bool) {}, Restart: func() {},
		Readings: func() []kiosk.Reading {
			return []kiosk.Reading{
				{Code: "camera", Mark: kiosk.MarkFine, Value: "1280 × 720"}, {Code: "light", Mark: kiosk.MarkAlarm},
				{Code: "frames", Mark: kiosk.MarkFine, Value: "29.8 /s"}, {Code: "trust", Mark: kiosk.MarkAttention, Value: "26 h"},
				{Code: "clock", Mark: kiosk.MarkFine}, {Code: "network", Mark: kiosk.MarkFine},
				{Code: "waiting", Mark: kiosk.MarkFine, Value: "0"}, {Code: "storage", Mark: kiosk.MarkFine, Value: "1.2 MB"},
				{Code: "certificate", Mark: kiosk.MarkAttention, Value: "12 d"}, {Code: "relay", Mark: kiosk.MarkOff},
			}
		},
	}
}

func idle(s *kiosk.Server) { s.State(kiosk.State{State: kiosk.StateIdle}) }

func seen() *[4][2]float64 {
	return &[4][2]float64{{0.61, 0.31}, {0.38, 0.29}, {0.37, 0.72}, {0.6, 0.74}}
}

func bare(reason, class string) kiosk.Answer {
	return kiosk.Answer{Epoch: 0xC17E, Seq: 7, At: time.Now(), Verdict: reason, Class: class,
		Accept: class == kiosk.ClassAccepted, Symbology: "qr"}
}

func lamp(reason, class string) kiosk.Answer {
	a := bare(reason, class)
	a.ID, a.Kind = "MA.156.1301.01/LAMP.000421", 1
	a.Issuer = map[string]string{"zh-CN": "石家庄市城市管理局", "en": "Shijiazhuang Urban Management"}
	return a
}

func options(lang, theme string) kiosk.Options {
	return kiosk.Options{
		City:    map[string]string{"zh-CN": "石家庄城市码", "en": "Shijiazhuang city codes"},
		Kiosk:   map[string]string{"zh-CN": "中山路口 3 号终端", "en": "Zhongshan Road, kiosk 3"},
		Nearest: map[string]string{"zh-CN": "建设大街 12 号\n→ 向东 180 米", "en": "12 Jianshe St\n→ 180 m east"},
		Theme:   theme, Language: lang, Staff: duty(),
	}
}
