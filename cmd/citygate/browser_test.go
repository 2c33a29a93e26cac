package main

import (
	"context"
	"testing"

	"citygate/internal/browsertest"
)

// browser starts a headless Chromium with more flags and opens an empty tab of a kiosk's size, or skips the test.
func browser(t *testing.T, flags map[string]any) context.Context {
	t.Helper()
	return browsertest.Tab(t, browsertest.Start(t, flags), 1280, 800)
}
