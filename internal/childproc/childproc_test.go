package childproc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// shell starts a script, and waits until it has made the file "ready" where there is one to be made.
func shell(t *testing.T, script string) *Process {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	err = p.Await(t.Context(), time.Millisecond, func(context.Context) error {
		_, err := os.Stat(filepath.Join(dir, "ready"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		grace  time.Duration
		signal syscall.Signal // by which it ended; 0: by itself
	}{
		"it ends":        {`trap 'exit 0' TERM; touch ready; while :; do sleep 0.01; done`, time.Minute, 0},
		"it is killed":   {`touch ready; sleep 600`, time.Minute, syscall.SIGTERM},
		"it will not go": {`trap '' TERM; touch ready; while :; do sleep 600; done`, 10 * time.Millisecond, syscall.SIGKILL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := shell(t, c.script)
			if !p.Running() {
				t.Fatal("it does not run")
			}
			p.Stop(c.grace)
			if p.Running() {
				t.Error("it still runs")
			}
			var exit *exec.ExitError
			switch errors.As(p.Err(), &exit) {
			case false:
				if c.signal != 0 {
					t.Errorf("it ended with %v, not by signal %v", p.Err(), c.signal)
				}
			default:
				if status := exit.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != c.signal {
					t.Errorf("it ended with %v, not by signal %v", exit, c.signal)
				}
			}
		})
	}
}

// Kill reaches what the child has started, too.
func TestKillReachesGrandchildren(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `sleep 600 & echo $! > pid; mv pid ready; wait`)
	cmd.Dir = dir
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	var grandchild []byte
	if err := p.Await(t.Context(), time.Millisecond, func(context.Context) (err error) {
		grandchild, err = os.ReadFile(filepath.Join(dir, "ready"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	pid := string(grandchild[:len(grandchild)-1])
	end, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for end.Err() == nil && exec.Command("sh", "-c", `kill -0 "$1" && ! grep -q ' Z ' /proc/"$1"/stat`, "sh", pid).Run() == nil {
	}
	if end.Err() != nil {
		t.Errorf("process %s, which the child had started, still runs", pid)
	}
}

func TestAwaitReportsTheExit(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sh", "-c", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	not := errors.New("not yet")
	err = p.Await(t.Context(), time.Millisecond, func(context.Context) error { return not })
	var exit *exec.ExitError
	if !errors.Is(err, not) || !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("got %v, want both the last answer and exit status 3", err)
	}
	if _, err := Start(exec.Command(filepath.Join(t.TempDir(), "nothing"))); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := Environment([]string{"PATH=/bin", "TEMPORAL_ADDRESS=elsewhere:7233", "TABI_API_KEY=secret", "HOME=/root"})
	if want := []string{"PATH=/bin", "HOME=/root"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
