package designer_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli"
)

// Ctrl-C ends the command: it says what was not run, and what it had done so far.
func TestInterruptedTestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"nap.yaml": "journey: nap\nentry: {event: Go}\ngoal: {event: Done}\nsteps: [{id: nap, wait: 1h}]\n",
		"nap.test.yaml": "test: nap\nscenarios:\n  - {name: a, timeline: [{at: 0m, event: Go}], expect: {outcome: completed}}\n  - " +
			"{name: b, expect: {sent: []}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := cli.Run(ctx, app.Build{}, []string{"test", dir}, &out, &errs); code != app.ExitBad {
		t.Errorf("it ended with %d", code)
	}
	if !strings.Contains(errs.String(), "interrupted: 2 scenarios were not run") || !strings.Contains(out.String(), "0 passed, 0 failed") {
		t.Errorf("it said %q and %q", out.String(), errs.String())
	}
}
