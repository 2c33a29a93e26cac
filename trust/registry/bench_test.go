package registry_test

import (
	"testing"
)

// BenchmarkIssueSealPublish issues 10,240 records in calls of 4,096, seals them and waits until three witnesses' quorum has cosigned
// them; records/s is the figure.
func BenchmarkIssueSealPublish(b *testing.B) {
	const records, call = 10_240, 4096
	w := newWorld(b)
	_, city := w.enrolled()
	next := 0
	b.ResetTimer()
	for b.Loop() {
		for end := next + records; next < end; next += call {
			issue(b, city, lamps(next, min(next+call, end))...)
			if next+call > end {
				next = end - call
			}
		}
		if _, err := city.Seal(b.Context()); err != nil {
			b.Fatal(err)
		}
		if _, err := city.Await(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkOpen opens a city of 10,240 records: what every command of the office pays first.
func BenchmarkOpen(b *testing.B) {
	w := newWorld(b)
	w.enrolledAndClosed()
	city, stop := w.open("sjz", options())
	issue(b, city, lamps(0, 10_240)...)
	stop()
	for b.Loop() {
		_, stop := w.open("sjz", options())
		stop()
	}
}
