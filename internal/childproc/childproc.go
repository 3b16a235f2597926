// Package childproc runs child processes, each in a process group of its own. They end with this process; on Linux also
// when this process is killed.
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

// Process is a started child.
type Process struct {
	Done <-chan struct{} // closed when the child has ended
	cmd  *exec.Cmd
	err  error // its exit error, once Done is closed
}

// Start starts cmd as a child. cmd.SysProcAttr is replaced.
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

func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running reports whether the child has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.Done:
		return false
	default:
		return true
	}
}

// Await calls ready at this interval until it succeeds, the child has ended, or ctx ends. It returns the last error
// of ready, or the exit error.
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
			return fmt.Errorf("the process has ended: %w", errors.Join(p.err, err))
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// Err waits for the end and returns nil for exit status 0, an *exec.ExitError for others.
func (p *Process) Err() error {
	<-p.Done
	return p.err
}

// Signal sends a signal to the child's process group.
func (p *Process) Signal(s syscall.Signal) error {
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %d: %w", s, err)
	}
	return nil
}

// Stop ends the child by SIGTERM, after grace by SIGKILL, and waits for its end.
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

// Kill kills the child's process group and waits for the end of the child.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.Done
}

// Environment returns env without TEMPORAL_* variables, which would redirect a server, and without TABI_* variables,
// which hold secrets.
func Environment(env []string) []string {
	var out []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "TEMPORAL_") && !strings.HasPrefix(kv, "TABI_") {
			out = append(out, kv)
		}
	}
	return out
}
