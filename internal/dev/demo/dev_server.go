package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// devServer is a running `tabi dev` with data of its own.
type devServer struct {
	cmd      *exec.Cmd
	data     string
	log      string
	ended    chan struct{}
	gateway  string // URL
	ui       string // URL; empty in CI
	temporal string // host:port
}

// startDev starts `tabi dev` and waits until it is ready.
func startDev(ctx context.Context, scale float64, ci bool) (*devServer, error) {
	data, err := os.MkdirTemp("", "tabi-demo-")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	gateway, temporal, ui := ports[0], ports[1], ports[2]
	if !ci { // the usual ports, where they are free
		gateway, temporal, ui = prefer(8080, gateway), prefer(7233, temporal), prefer(8233, ui)
	}
	d := &devServer{data: data, log: filepath.Join(data, "dev.log"), ended: make(chan struct{}),
		gateway: fmt.Sprintf("http://127.0.0.1:%d", gateway), temporal: fmt.Sprintf("127.0.0.1:%d", temporal)}
	args := []string{"dev", "journeys", "--data-dir", data, "--listen", fmt.Sprintf("127.0.0.1:%d", gateway),
		"--temporal-port", strconv.Itoa(temporal), "--time-scale", strconv.FormatFloat(scale, 'f', -1, 64), "--time-origin",
		origin.Format(time.RFC3339)}
	if ci {
		args = append(args, "--headless")
	} else {
		args = append(args, "--ui-port", strconv.Itoa(ui))
		d.ui = fmt.Sprintf("http://127.0.0.1:%d", ui)
	}
	log, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.cmd = exec.Command(filepath.Join("bin", "tabi"), args...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("bin/tabi cannot be started (run make build): %w", err)
	}
	go func() {
		d.cmd.Wait()
		close(d.ended)
	}()
	if err := d.ready(ctx); err != nil {
		d.showLog()
		d.stop()
		return nil, err
	}
	return d, nil
}

// ready waits until the gateway reports that everything is up.
func (d *devServer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		if resp, err := http.Get(d.gateway + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-d.ended:
			return errors.New("tabi dev ended before it was ready")
		case <-ctx.Done():
			return errors.New("tabi dev was not ready in two minutes")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// stop ends it as Ctrl-C would, and removes its data.
func (d *devServer) stop() {
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(20 * time.Second):
		syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-d.ended
	}
	os.RemoveAll(d.data)
}

// showLog prints the log of `tabi dev`.
func (d *devServer) showLog() {
	f, err := os.Open(d.log)
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fmt.Fprintln(os.Stderr, "  |", lines.Text())
	}
}

// freePorts returns n unused ports.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		port, err := testservers.FreePort()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// prefer returns port where it is unused, otherwise other.
func prefer(port, other int) int {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return other
	}
	l.Close()
	return port
}
