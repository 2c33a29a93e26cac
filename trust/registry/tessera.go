package registry

import (
	"bytes"
	"io"
	"log/slog"

	"k8s.io/klog/v2"
)

// RouteTesseraLogs makes Tessera's log lines go to logger: warnings and errors, which say that a checkpoint could not be published and
// will be tried again. Without it Tessera writes all its lines to standard error. The setting holds for the whole process, so only a
// command's main function calls it.
func RouteTesseraLogs(logger *slog.Logger) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	// klog hands a line to its own severity and to all below, so warnings' writer sees the errors too.
	klog.SetOutputBySeverity("WARNING", lineWriter{logger})
}

// lineWriter makes one record of each line that klog writes, without klog's own prefix of time and place.
type lineWriter struct{ logger *slog.Logger }

// Write never fails.
func (w lineWriter) Write(p []byte) (int, error) {
	line := bytes.TrimSpace(p)
	if _, rest, ok := bytes.Cut(line, []byte("] ")); ok {
		line = rest
	}
	w.logger.Warn("tessera", "message", string(line))
	return len(p), nil
}
