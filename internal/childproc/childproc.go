// Package childproc runs programs beside this one: each in a group of its own, ended with this one (on Linux
// also where this one is killed).
package childproc

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is a child that has started.
type Process struct {
	Done <-chan struct{} // closed when it has ended
	cmd  *exec.Cmd
	err  error // how it ended, once Done is closed
}

// Start starts cmd as a child. Whatever stands in cmd.SysProcAttr is replaced.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	done, started := make(chan struct{}), make(chan error, 1)
	p := &Process{Done: done, cmd: cmd}
	go func() {
		lockThread() // the child's death signal is tied to the thread that started it
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID of the child.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running reports whether it has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.Done:
		return false
	default:
		return true
	}
}

// Await asks every so often whether it serves, until it does, has ended, or ctx is over. The error is ready's
// last one, or how it ended.
func (p *Process) Await(ctx context.Context, every time.Duration, ready func(context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.Done:
			return fmt.Errorf("it has ended: %w", errors.Join(p.err, err))
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// Err is how it ended: nil for exit status 0, an *exec.ExitError for others. It waits for the end.
func (p *Process) Err() error {
	<-p.Done
	return p.err
}

// Signal goes to the child and all that it started.
func (p *Process) Signal(s syscall.Signal) error {
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %d: %w", s, err)
	}
	return nil
}

// Stop ends it by SIGTERM, and by SIGKILL after grace, and waits for the end.
func (p *Process) Stop(grace time.Duration) {
	_ = p.Signal(syscall.SIGTERM)
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-p.Done:
	case <-limit.C:
		p.Kill()
	}
}

// Kill is kill -9 of it and all that it started, and waits for the end.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.Done
}

// Environment is env without what would point a server elsewhere, and without our secrets: no TEMPORAL_* and no TABI_*.
func Environment(env []string) []string {
	var out []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "TEMPORAL_") && !strings.HasPrefix(kv, "TABI_") {
			out = append(out, kv)
		}
	}
	return out
}
