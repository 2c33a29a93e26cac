package web

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citygate/fleet"
)

const scrapeTimeout = 5 * time.Second

// collector reads the store at each scrape, so that metrics and pages never
// disagree. Labels are words of closed lists only, never names of gateways.
type collector struct{ s *Server }

type metric struct {
	name, help string
	label      string
	kind       prometheus.ValueType
}

var (
	gatewaysMetric = metric{"cityfleet_gateways", "Gateways by state.", "state", prometheus.GaugeValue}
	scansMetric    = metric{"cityfleet_scans_total", "Stored scans by verdict.", "verdict", prometheus.CounterValue}
	storedMetric   = metric{"cityfleet_numbers_total", "Numbers stored, of all epochs.", "", prometheus.CounterValue}
	findingsMetric = metric{"cityfleet_findings_open", "Open findings by kind.", "kind", prometheus.GaugeValue}
	waitMetric     = metric{"cityfleet_oldest_unacknowledged_seconds", "Age of the oldest unacknowledged event, a lower bound for offline gateways.", "", prometheus.GaugeValue}
	trustMetric    = metric{"cityfleet_trust_age_seconds", "Age of the oldest checkpoint that a gateway reported.", "", prometheus.GaugeValue}
	walMetric      = metric{"cityfleet_wal_bytes", "Size of the database's write-ahead log.", "", prometheus.GaugeValue}
	brokerMetric   = metric{"cityfleet_mqtt_connected", "1 while ingest is connected to the broker.", "", prometheus.GaugeValue}
	droppedMetric  = metric{"cityfleet_dropped_total", "Dropped messages by reason, since the process started.", "reason", prometheus.CounterValue}
	acksMetric     = metric{"cityfleet_acknowledgements_total", "Acknowledgements sent, since the process started.", "", prometheus.CounterValue}
	repeatedMetric = metric{"cityfleet_repeated_batches_total", "Batches that were committed before, since the process started.", "", prometheus.CounterValue}
	logMetric      = metric{"cityfleet_log_size", "Published size of each log.", "log", prometheus.GaugeValue}
)

func (m metric) desc() *prometheus.Desc {
	var labels []string
	if m.label != "" {
		labels = []string{m.label}
	}
	return prometheus.NewDesc(m.name, m.help, labels, nil)
}

func (m metric) send(ch chan<- prometheus.Metric, v float64, label ...string) {
	for i := range label {
		label[i] = strings.ToValidUTF8(label[i], "?")
	}
	ch <- prometheus.MustNewConstMetric(m.desc(), m.kind, v, label...)
}

// Describe names every metric.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range []metric{gatewaysMetric, scansMetric, storedMetric, findingsMetric, waitMetric, trustMetric, walMetric,
		brokerMetric, droppedMetric, acksMetric, repeatedMetric, logMetric} {
		ch <- m.desc()
	}
}

// Collect reads everything once. What is not known is left out.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	f, err := c.s.figures(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(gatewaysMetric.desc(), err)
		return
	}
	for sev, n := range f.states {
		gatewaysMetric.send(ch, float64(n), fleet.Severity(sev).String())
	}
	for verdict, n := range f.totals.Verdicts {
		scansMetric.send(ch, float64(n), verdict)
	}
	storedMetric.send(ch, float64(f.totals.Numbers))
	for kind, n := range f.totals.Findings {
		findingsMetric.send(ch, float64(n), kind)
	}
	if f.waitKnown {
		waitMetric.send(ch, f.wait.Seconds())
	}
	if f.trustKnown {
		trustMetric.send(ch, f.trust.Seconds())
	}
	walMetric.send(ch, float64(c.s.o.Store.WALBytes()))
	c.process(ch)
}

func (c collector) process(ch chan<- prometheus.Metric) {
	if c.s.o.Ingest != nil {
		in := c.s.o.Ingest()
		connected := 0.
		if in.Connected {
			connected = 1
		}
		brokerMetric.send(ch, connected)
		acksMetric.send(ch, float64(in.Acks))
		repeatedMetric.send(ch, float64(in.Repeated))
		for reason, n := range in.Dropped {
			droppedMetric.send(ch, float64(n), reason)
		}
	}
	if c.s.o.Logs != nil {
		for _, l := range c.s.o.Logs() {
			logMetric.send(ch, float64(l.Size), l.Name)
		}
	}
}
