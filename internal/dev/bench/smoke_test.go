package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// All parts except growth, which builds and starts the binaries, run on the development server with small numbers and
// report their figures.
func TestSmoke(t *testing.T) {
	t.Chdir("../../..") // as make does
	if _, err := testservers.Find("temporal"); err != nil {
		t.Skip(err)
	}
	b := &bench{
		parts: []string{
			"journeys",
			"cost",
			"latency",
			"intake",
			"simulation",
			"redirects",
		}, servers: []string{"dev"}, output: filepath.Join(t.TempDir(), "bench.json"),
		rounds: 1, slots: 4, journeys: 8, simulated: 4, customers: 200, turnTime: 20 * time.Millisecond, out: os.Stderr,
	}
	book, err := b.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, r := range book.Results {
		found = append(found, r.Part+": "+r.Name+" ("+r.Unit+")")
		if r.Value < 0 ||
			r.Value == 0 && !strings.Contains(r.Name, "over a second") && r.Unit != "SQL statements" && !strings.Contains(r.Unit, "CPU") {
			t.Errorf("%s: %s is %v %s", r.Part, r.Name, r.Value, r.Unit)
		}
	}
	for _, want := range []string{
		"journeys: tabi, with shared work (journeys/s)", "journeys: tabi, without shared work (journeys/s)",
		"cost: tabi, ten steps (state transitions)",
		"latency: event to send, one at a time, p50 (ms)", "intake: tabi, single calls from 64 connections (events/s)",
		"simulation: simulated customers of cart-recovery (customers/s)", "redirects: redirect at 1000/s, p99 (ms)",
	} {
		if !slices.Contains(found, want) {
			t.Errorf("no figure %q among\n%s", want, strings.Join(found, "\n"))
		}
	}
	if _, err := os.Stat(b.output); err != nil {
		t.Error(err)
	}
}
