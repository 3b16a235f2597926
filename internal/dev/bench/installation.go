package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/childproc"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// installation is tabi as in production, tabi-worker and tabi serve as processes, and a provider of text messages.
type installation struct {
	w        *environment
	binaries string
	log      string // folder
	provider *httptest.Server
	gate     *httpClient
	env      []string
	health   string // of the worker's health check
	worker   *childproc.Process
	gateway  *childproc.Process

	mu    sync.Mutex
	calls map[string]chan struct{} // by phone number
}

// buildBinaries builds tabi and tabi-worker of this tree.
func buildBinaries(ctx context.Context, dir string) error {
	const module = "github.com/tabi-journeys/tabi/"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "worker")); err == nil {
		return nil // built for another server
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator), module+"starter",
		module+"worker").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// install prepares the processes of an environment; start starts them.
func install(w *environment, binaries, log string, encrypts bool) (*installation, error) {
	in := &installation{w: w, binaries: binaries, log: log, calls: map[string]chan struct{}{}}
	if err := os.MkdirAll(log, 0o700); err != nil {
		return nil, err
	}
	gatewayPort, err := testservers.FreePort()
	if err != nil {
		return nil, err
	}
	healthPort, err := testservers.FreePort()
	if err != nil {
		return nil, err
	}
	in.provider = httptest.NewServer(http.HandlerFunc(in.receiveSMS))
	in.health = testservers.Local(healthPort)
	in.gate = newHTTPClient("http://"+testservers.Local(gatewayPort), batchClients)
	in.env = append(
		childproc.Environment(os.Environ()),
		"TABI_DATABASE="+w.config.Database, "TABI_DRAIN=0s",
		"TABI_DATA_DIR="+log,
		"TABI_SECRET=a-secret-of-the-bench",
		"TABI_LOG_LEVEL=warn",
		"TABI_LOG_FORMAT=console",
		"TABI_MAX_BACKLOG=0",
		"TEMPORAL_ADDRESS="+w.server.temporal,
		"TABI_PUBLIC_URL="+in.gate.url,
		"TABI_LISTEN="+testservers.Local(gatewayPort),
		"TABI_METRICS_LISTEN="+in.health,
		"TABI_WRITE_KEYS="+writeKey+"=server",
		"TABI_TOKENS=:agent=an-agent-token-of-the-bench,:admin=an-admin-token-of-the-bench",
		"TABI_SMS_URL="+in.provider.URL,
		"TABI_SMS_SECRET=whsec_YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaGJlbmNo",
	)
	if encrypts {
		in.env = append(in.env, "TABI_MASTER_KEYS="+masterKey)
	}
	return in, nil
}

// receiveSMS is the provider: it accepts everything.
func (in *installation) receiveSMS(rw http.ResponseWriter, r *http.Request) {
	var m struct{ To string }
	_ = json.NewDecoder(r.Body).Decode(&m)
	in.mu.Lock()
	if c := in.calls[m.To]; c != nil {
		close(c)
		delete(in.calls, m.To)
	}
	in.mu.Unlock()
	rw.WriteHeader(http.StatusOK)
}

// start starts both processes and waits until both are ready.
func (in *installation) start(ctx context.Context) (err error) {
	if in.worker, err = in.launch("worker"); err != nil {
		return err
	}
	if in.gateway, err = in.launch("starter", "serve"); err != nil {
		return err
	}
	for _, url := range []string{in.gate.url, "http://" + in.health} {
		if err := poll(ctx, func() (bool, error) {
			if !in.worker.Running() || !in.gateway.Running() {
				return false, errors.New("a process of tabi has ended; its log is in " + in.log)
			}
			r, err := http.Get(url + "/readyz")
			if err != nil {
				return false, nil //nolint:nilerr // not up yet
			}
			_ = r.Body.Close()
			return r.StatusCode == http.StatusOK, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (in *installation) launch(name string, args ...string) (*childproc.Process, error) {
	log, err := os.OpenFile(filepath.Join(in.log, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(filepath.Join(in.binaries, name), args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = in.env, in.log, log, log
	return childproc.Start(cmd)
}

// stop shuts both down. It may be called twice.
func (in *installation) stop() {
	for _, p := range []*childproc.Process{in.gateway, in.worker} {
		if p != nil && p.Running() {
			p.Stop(15 * time.Second)
		}
	}
}

// kill kills both with SIGKILL.
func (in *installation) kill() {
	in.gateway.Kill()
	in.worker.Kill()
}

func (in *installation) close() {
	in.stop()
	in.provider.Close()
}

// phone returns the phone number of the n-th customer.
func phone(n int) string { return fmt.Sprintf("+8190%08d", n) }

// enterAndWait enrolls customers `from` to `to` in journey `stay` through the gateway, and waits until they wait
// there.
func (in *installation) enterAndWait(ctx context.Context, ids []string, from, to int) error {
	const each = 125
	var starts []int
	for n := from; n < to; n += each {
		starts = append(starts, n)
	}
	if err := eachOf(ctx, starts, batchClients/2, func(ctx context.Context, n int) error {
		var calls []call
		for i := n; i < min(n+each, to); i++ {
			about := traits(ids[i])
			about["phone"] = phone(i)
			calls = append(calls, call{Type: "identify", UserID: ids[i], Traits: about}, call{Type: "track", UserID: ids[i],
				Event: "Bench Settled"})
		}
		return in.gate.batch(ctx, calls)
	}); err != nil {
		return err
	}
	return in.w.awaitParked(ctx, "stay", to)
}

// answerOne sends an event of the n-th customer and waits until the provider has the message that answers it.
func (in *installation) answerOne(ctx context.Context, ids []string, n int) error {
	done := make(chan struct{})
	in.mu.Lock()
	in.calls[phone(n)] = done
	in.mu.Unlock()
	if err := in.gate.track(ctx, call{UserID: ids[n], Event: "Bench Called"}); err != nil {
		return err
	}
	limit := time.NewTimer(pollTimeout)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
		return fmt.Errorf("no message answered the event: %w within %s", errLate, pollTimeout)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// resident returns the memory of a process that is in RAM, in MiB.
func resident(p *childproc.Process) float64 {
	kib, _, _ := strings.Cut(field(filepath.Join("/proc", strconv.Itoa(p.PID()), "status"), "VmRSS"), " ")
	n, _ := strconv.ParseFloat(kib, 64)
	return n / 1024
}
