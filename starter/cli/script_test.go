package cli

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tabi-journeys/tabi/internal/app"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tabi": func() { os.Exit(Main(app.Build{})) }})
}

// The commands as a shell sees them: output and exit status. Scripts are in testdata/script.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": exitStatus},
	})
}

// exitStatus runs a program and wants this exit status: status 2 tabi lint nowhere.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program [args…]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = "?"
		var exit interface{ ExitCode() int }
		if e, ok := err.(interface{ ExitCode() int }); ok {
			exit = e
			got = string(rune('0' + exit.ExitCode()))
		}
	}
	if got != args[0] {
		ts.Fatalf("%v ended with %s, want %s", args[1:], got, args[0])
	}
}

// tabi runs a command in this process.
func tabi(ctx context.Context, args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = Run(ctx, app.Build{}, args, &o, &e)
	return status, o.String(), e.String()
}
