package edge

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citygate/edge/health"
	"citygate/trust"
)

// Metrics counts what the pipeline does. The names are stable.
type Metrics struct {
	frames         prometheus.Counter
	scans          *prometheus.CounterVec
	scan           prometheus.Histogram
	verify         prometheus.Histogram
	answer         prometheus.Histogram
	cameraFailures *prometheus.CounterVec
	storeFailures  prometheus.Counter
	condition      *prometheus.GaugeVec
	known          []health.Condition
}

// NewMetrics makes the metrics and registers them, unless the registry is nil. Every verdict and condition has its
// line from the start, so that a rate can be taken of each.
func NewMetrics(r prometheus.Registerer) *Metrics {
	seconds := func(name, help string, buckets ...float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	m := &Metrics{
		frames: prometheus.NewCounter(prometheus.CounterOpts{Name: "citygate_frames_total", Help: "Frames looked at."}),
		scans: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "citygate_scans_total",
			Help: "Scans answered, by verdict."}, []string{"verdict"}),
		scan: seconds("citygate_scan_seconds", "Time of looking for codes in one frame.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1),
		verify: seconds("citygate_verify_seconds", "Time from a code's text to its verdict.",
			.000005, .00002, .00005, .0001, .0002, .0005, .001, .01),
		answer: seconds("citygate_answer_seconds", "Time from a frame to the answer sent, the event durable.",
			.01, .02, .05, .1, .15, .2, .3, .5, 1, 5),
		cameraFailures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "citygate_camera_failures_total",
			Help: "Times that the camera was given up and opened again, by condition."}, []string{"condition"}),
		storeFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "citygate_store_failures_total",
			Help: "Events that could not be stored when they happened."}),
		condition: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "citygate_condition",
			Help: "1 while the health condition stands."}, []string{"condition", "severity"}),
		known: health.Conditions(),
	}
	for _, reason := range trust.Reasons() {
		m.scans.WithLabelValues(string(reason))
	}
	m.conditions(nil)
	if r != nil {
		r.MustRegister(m.frames, m.scans, m.scan, m.verify, m.answer, m.cameraFailures, m.storeFailures, m.condition)
	}
	return m
}

func (m *Metrics) frame(scanned time.Duration) {
	m.frames.Inc()
	m.scan.Observe(scanned.Seconds())
}

func (m *Metrics) answered(reason trust.Reason, sinceFrame time.Duration) {
	m.scans.WithLabelValues(string(reason)).Inc()
	m.answer.Observe(sinceFrame.Seconds())
}

func (m *Metrics) conditions(active []health.Active) {
	for _, c := range m.known {
		on := 0.0
		for _, a := range active {
			if a.Code == c.Code {
				on = 1
			}
		}
		m.condition.WithLabelValues(c.Code, c.Severity.String()).Set(on)
	}
}
