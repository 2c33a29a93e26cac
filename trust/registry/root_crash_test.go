package registry_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"citygate/trust/mirror"
	"citygate/trust/registry"
)

// A rotation that was cut short after its entry was logged is completed by whoever publishes next, also by another process.
func TestRotationCutShort(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	before, err := os.ReadFile(registry.RootPolicyFile(w.path("cn")))
	if err != nil {
		t.Fatal(err)
	}
	national, stop := w.open("cn", options())
	p, err := national.ProposeRotation(t.Context(), nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := national.RotateRoot(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	stop()
	// What a crash right after the entry would have left.
	kept := filepath.Join(w.path("cn"), "public", "directory", "rotation", "0")
	if err := os.Remove(kept); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(registry.RootPolicyFile(w.path("cn")), before, 0o644); err != nil {
		t.Fatal(err)
	}
	national, _ = w.open("cn", options())
	if _, err := national.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
	if now, err := os.ReadFile(registry.RootPolicyFile(w.path("cn"))); err != nil || bytes.Equal(now, before) {
		t.Errorf("the old root policy is published: %v", err)
	}
	c := w.cache(before)
	if _, err := c.Sync(t.Context(), mirror.HTTP{Base: w.serve("cn")}); err == nil || len(c.View().Directory().Rotations()) != 1 {
		t.Errorf("rotations %v, %v; the city's logs are not served here", c.View().Directory().Rotations(), err)
	}
}
