package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A module of others builds tabi with a channel of its own, from public packages alone: every command knows the channel,
// and `tabi dev` sends by it.
func TestOutsiderAddsAChannel(t *testing.T) {
	t.Parallel()
	in := newInstall(t, nil)
	module := t.TempDir()
	if err := os.CopyFS(module, os.DirFS("testdata/outsider")); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root(), "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(module, "go.sum"), sums, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(want int, name string, args ...string) string {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir, c.Env = module, append(os.Environ(), in.env...)
		out, err := c.CombinedOutput()
		if c.ProcessState == nil || c.ProcessState.ExitCode() != want {
			t.Fatalf("%s %v: %v, want exit status %d\n%s", filepath.Base(name), args, err, want, out)
		}
		return string(out)
	}
	in.env = append(in.env, "GOWORK=off")
	run(0, "go", "mod", "edit", "-replace", "github.com/tabi-journeys/tabi="+root())
	bin := filepath.Join(module, "bin") + string(filepath.Separator)
	run(0, "go", "build", "-mod=mod", "-o", bin+"tabi", ".")
	run(0, "go", "build", "-mod=mod", "-o", bin+"tabi-worker", "./worker")
	run(0, "go", "test", "-mod=mod", "./...") // the conformance suite
	program := bin + "tabi"

	run(0, program, "lint")
	if schema := run(0, program, "schema", "message"); !strings.Contains(schema, "What the pigeon carries.") {
		t.Error("the schema of messages does not know the channel")
	}
	if said := run(1, tabi(t), "lint"); !strings.Contains(said, "pigeon") {
		t.Errorf("tabi without the channel lints it: %s", said)
	}

	loft := t.TempDir()
	temporal, err := temporalBinary()
	if err != nil {
		t.Fatal(err)
	}
	in.env = append(in.env, "PIGEON_LOFT="+loft, "PATH="+filepath.Dir(temporal)+":"+os.Getenv("PATH"))
	in.dir = module
	_, port, _ := strings.Cut(local(freePort()), ":")
	in.run("dev", program, "dev", "--headless", "--temporal-port", port)
	in.ready("dev")
	identify := map[string]any{"type": "identify", "userId": "ana", "traits": map[string]any{"name": "Ana", "roof": "the red roof"}}
	post(t, in.url, "identify", identify)
	run(0, program, "track", "Moved In", "--customer", "ana")
	await(t, "the pigeon", func() error {
		notes, err := filepath.Glob(filepath.Join(loft, "*"))
		if err != nil || len(notes) == 0 {
			return fmt.Errorf("no note: %v", err)
		}
		note, err := os.ReadFile(notes[0])
		if err != nil || string(note) != "to the red roof: Welcome, Ana!\n" {
			return fmt.Errorf("the note is %q: %v", note, err)
		}
		return nil
	})
}
