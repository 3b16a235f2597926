package gateway

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// TestDocsNameEveryRoute: a route that docs/http.md does not speak of is a surprise.
func TestDocsNameEveryRoute(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	page, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	known := strings.NewReplacer("{user}", "{userId}", "{$}", "")
	unspoken := map[string]bool{"/logout": true, "/static/style.css": true}
	for _, r := range h.g.routes() {
		path := known.Replace(r.Path)
		last := path[strings.LastIndexByte(path, '/')+1:]
		if r.Access == web.WriteKey { // listed by their last part
			path = last
		}
		if !unspoken[path] && !strings.Contains(string(page), path) {
			t.Errorf("docs/http.md does not name %s %s", r.Method, r.Path)
		}
	}
}

// The examples of docs/http.md make proofs that a web key accepts.
func TestDocsMakeProofs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	const user = "ana 雪"
	for _, c := range []struct{ fence, program, flag, before, after string }{
		{"```js\n// Node\n", "node", "-e", "const userId = '" + user + "'\n", "\nconsole.log(userHash)"},
		{"```python\n", "python3", "-c", "user_id = '" + user + "'\n", "\nprint(user_hash)"},
		{"```php\n<?php\n", "php", "-r", "$userId = '" + user + "';\n", "\necho $userHash;"},
	} {
		_, rest, found := strings.Cut(string(page), c.fence)
		code, _, closed := strings.Cut(rest, "```")
		if !found || !closed {
			t.Errorf("docs/http.md has no example in %s", c.program)
			continue
		}
		if _, err := exec.LookPath(c.program); err != nil {
			t.Logf("%s is not here: its example was not run", c.program)
			continue
		}
		run := exec.Command(c.program, c.flag, c.before+code+c.after)
		run.Env = append(os.Environ(), "TABI_PROOF_SECRET="+proofSecret)
		out, err := run.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != hash(user) {
			t.Errorf("%s: %q, %v; want %s", c.program, got, err, hash(user))
		}
	}
}

func TestServeFinishesRunningRequests(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inside, goOn := make(chan struct{}), make(chan struct{})
	srv := Server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-goOn
		w.WriteHeader(http.StatusTeapot)
	}), zap.NewNop())
	if srv.ReadHeaderTimeout <= 0 || srv.ReadTimeout <= 0 || srv.IdleTimeout <= 0 || srv.MaxHeaderBytes <= 0 {
		t.Errorf("a limit is missing: %+v", srv)
	}
	ctx, stop := context.WithCancel(context.Background())
	served, answered := make(chan error, 1), make(chan int, 1)
	go func() { served <- Serve(ctx, srv, l) }()
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answered <- 0
			return
		}
		_ = res.Body.Close()
		answered <- res.StatusCode
	}()
	<-inside
	stop()
	close(goOn)
	select {
	case status := <-answered:
		if status != http.StatusTeapot {
			t.Errorf("the running request got status %d", status)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no answer")
	}
	if err := <-served; err != nil {
		t.Errorf("served: %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}
