package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// caller sends events to several gateways in turn, as a back end or a proxy does: it keeps its connections, and goes to the next gateway
// if one refuses to connect. Any other failure is one.
type caller struct {
	urls   []string
	client http.Client
	sent   atomic.Int64
	mu     sync.Mutex
	failed []error
}

func (c *caller) call(n int64) error {
	body := fmt.Sprintf(`{"userId":"roll","event":"Ignored","messageId":"roll-%d"}`, n)
	for i := range c.urls {
		req, err := http.NewRequest(http.MethodPost, c.urls[(int(n)+i)%len(c.urls)]+"/v1/track", bytes.NewReader([]byte(body)))
		if err != nil {
			return err
		}
		req.SetBasicAuth(writeKey, "")
		req.Header.Set("Content-Type", "application/json")
		resp, err := c.client.Do(req)
		// A connection that the system had taken, but not yet the gateway, is reset when the gateway stops. No request was read; and if one
		// was, its messageId makes the repeat harmless.
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
			continue
		}
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", req.URL, resp.Status)
		}
		return nil
	}
	return errors.New("no gateway takes connections")
}

// run calls until the function that it returns is called.
func (c *caller) run() (stop func()) {
	ending := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-ending:
					return
				default:
				}
				if err := c.call(c.sent.Add(1)); err != nil {
					c.mu.Lock()
					c.failed = append(c.failed, err)
					c.mu.Unlock()
				}
			}
		})
	}
	return func() { close(ending); all.Wait() }
}

// A rolling update under load: two gateways and two workers are replaced one after the other, by SIGTERM, while events come and mails go
// out at a slow provider. No call fails at a client that goes to the other gateway when one refuses or resets a connection, and no mail is
// lost, repeated, or of an unknown outcome.
func TestRollingUpdate(t *testing.T) {
	t.Parallel()
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.env = append(in.env, "TABI_DRAIN=1s")
	in.deploy(pgtest.URL(t))
	port := freePort()
	calls := &caller{urls: []string{in.url, "http://" + local(port)}}
	second := func() {
		in.run("serve2", tabi(in), "serve", "--listen", local(port))
		await(t, "the second gateway", func() error {
			resp, err := http.Get(calls.urls[1] + "/readyz")
			if err != nil {
				return err
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return errors.New(resp.Status)
			}
			return nil
		})
	}
	secondWorker := func() { in.run("worker2", tabiWorker(in), "--metrics-listen", "") }
	second()
	secondWorker()
	crowd := names("roll")
	for _, c := range crowd {
		in.mail.answer(c+"@example.com", slowly)
	}
	in.enter(crowd)
	in.underWay(crowd, 2)

	stop := calls.run()
	in.terminate("worker")
	in.startWorker()
	in.terminate("worker2")
	secondWorker()
	in.terminate("serve")
	in.startServe()
	in.ready("serve")
	in.terminate("serve2")
	second()
	stop()
	in.once(crowd)
	t.Logf("%d calls", calls.sent.Load())
	for _, err := range calls.failed[:min(len(calls.failed), 5)] {
		t.Errorf("one of %d failed calls: %v", len(calls.failed), err)
	}
	if calls.sent.Load() < 100 {
		t.Errorf("%d calls are no load", calls.sent.Load())
	}
}
