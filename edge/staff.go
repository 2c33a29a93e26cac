package edge

import (
	"citygate/trust"
)

// This file implements the pipeline's part of the kiosk's staff mode. A code opens it by policy ([policy.Policy.Staff]);
// its event is like any other's, and it opens no gate.

// SourceTest is what the detail "source" of a test read's event says.
const SourceTest = "test"

// TestRead makes the next scan a test, or no longer: it is recorded and marked, its answer goes to the staff mode alone,
// nothing is opened by it, and it uses up no code.
func (g *Gateway) TestRead(on bool) { g.testRead.Store(on) }

// Frames is how many frames were looked at since the start.
func (g *Gateway) Frames() uint64 { return g.frames.Load() }

// opens says whether a scan opens the gate.
func (g *Gateway) opens(s sighting, reason trust.Reason) bool {
	return g.o.Gate != nil && reason.Class() == trust.Accepted && !s.test && !g.o.Policy.Staff(s.verdict, reason, g.o.Place)
}
