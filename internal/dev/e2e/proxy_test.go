package e2e

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// proxy is in front of a server and can cut it off.
type proxy struct {
	address string
	target  string
	mu      sync.Mutex
	off     bool
	open    map[net.Conn]bool
}

func newProxy(t testing.TB, target string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: l.Addr().String(), target: target, open: map[net.Conn]bool{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut(true)
	})
	return p
}

func (p *proxy) serve(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	if p.off {
		p.mu.Unlock()
		return
	}
	p.open[conn], p.open[server] = true, true
	p.mu.Unlock()
	go func() {
		_, _ = io.Copy(server, conn)
		_ = server.Close()
	}()
	_, _ = io.Copy(conn, server)
	p.mu.Lock()
	delete(p.open, conn)
	delete(p.open, server)
	p.mu.Unlock()
}

// cut ends every connection and refuses new ones, or lets them through again.
func (p *proxy) cut(off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = off
	if off {
		for conn := range p.open {
			_ = conn.Close()
		}
	}
}

// The database is down for a while: what is not stored is refused, so that it is sent again, and everything continues
// afterwards.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t) // SQLite is a file of this machine and does not go away
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	between := newProxy(t, u.Host)
	u.Host = between.address
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.useTemporal(shared.address, takeNamespace(t))
	in.publish(u.String())
	in.startServe()
	in.startWorker()
	in.enter([]string{"ana", "ben"})
	in.arrive([]string{"ana"}, "reply", "Hello NAME")

	in.enter([]string{"cam"})
	between.cut(true)
	event := map[string]any{"userId": "ana", "event": "Answered", "messageId": "a1", "properties": map[string]any{"k": "1"}}
	status, body := send(t, in.url+"/v1/track", event)
	if status != http.StatusServiceUnavailable {
		t.Errorf("an event without a database: %d %s", status, body)
	}
	await(t, "the gateway says that it is not ready", func() error {
		if in.isReady() == nil {
			return errors.New("it is")
		}
		return nil
	})
	between.cut(false)
	in.ready("serve")
	post(t, in.url, "track", event) // as the response asks
	in.arrive([]string{"ana"}, "last", "Hello NAME", "Again")
	in.arrive([]string{"ben", "cam"}, "reply", "Hello NAME")
	for _, name := range []string{"serve", "worker"} {
		if !in.procs[name].Running() {
			t.Errorf("%s has ended", name)
		}
	}
}
