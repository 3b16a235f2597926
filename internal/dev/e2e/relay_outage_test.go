package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// A process that cannot reach a dependency at its start exits with status 3 and a message, within the configured
// time.
func TestUnreachableDependencyEndsProcess(t *testing.T) {
	t.Parallel()
	nobody := "127.0.0.1:1" // not a free port: another test may get that one
	for _, c := range []struct {
		name   string
		binary func(testing.TB) string
		args   []string
		env    []string
		want   string
	}{
		{"gateway without Temporal", tabi, []string{"serve"}, []string{"TEMPORAL_ADDRESS=" + nobody}, "cannot reach Temporal at " + nobody},
		{"worker without Temporal", tabiWorker, nil, []string{"TEMPORAL_ADDRESS=" + nobody}, "cannot reach Temporal at " + nobody},
		{"gateway without database", tabi, []string{"serve"}, []string{"TABI_DATABASE=postgres://tabi:hush-hush@" + nobody + "/tabi"},
			"TABI_DATABASE"},
		{"worker without database", tabiWorker, nil, []string{"TABI_DATABASE=postgres://tabi:hush-hush@" + nobody + "/tabi"},
			"TABI_DATABASE"},
		{"command without gateway", tabi, []string{"track", "X", "--customer", "ana"}, []string{"TABI_URL=http://" + nobody},
			"cannot reach the gateway at http://" + nobody},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := newInstall(t, nil)
			in.useTemporal(shared.address, "default")
			env := append(append(in.env, "TABI_CONNECT_TIMEOUT=2s"), c.env...)
			code, out := runProcess(t, 25*time.Second, env, c.binary(t), c.args...)
			if code != 3 || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, want 3 and %q:\n%s", code, c.want, out)
			}
			if strings.Contains(out, "hush-hush") {
				t.Errorf("the password is in the output:\n%s", out)
			}
		})
	}
}

// late waits for an hour, says something, and waits for an answer.
const late = `journey: late
entry: {event: Came}
timeout: 60d
steps:
  - wait: 1h
  - id: hello
    send: hello
    via: email
    category: transactional
  - wait_for: {event: Replied, then: [{exit: answered}]}
    timeout: 30d
  - exit: silent
`

// Temporal is down for a while: the gateway is ready, events are accepted, and delivered once it is up. What a customer did
// after the first wait would have ended belongs to the step after it.
func TestTemporalOutage(t *testing.T) {
	t.Parallel()
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge, "late.yaml": late}))
	port, file := freePort(), filepath.Join(in.dir, "temporal.db")
	server, err := startTemporal(in.dir, port, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { server.Kill() }()
	in.useTemporal(server.address, "default")
	in.publish(filepath.Join(in.dir, "tabi.db"))
	in.startServe()
	in.startWorker()
	in.enter([]string{"ana"})
	in.arrive([]string{"ana"}, "reply", "Hello NAME")

	server.Kill()
	await(t, "the gateway says that it is ready, and that Temporal is away", func() error {
		status, body, err := in.readiness()
		if err == nil && (status != http.StatusOK || !strings.Contains(body, `"temporal":"unreachable"`)) {
			err = fmt.Errorf("status %d: %s", status, body)
		}
		return err
	})
	in.tell([]string{"ana"}, "Answered")
	in.enter([]string{"ben"})
	in.track("cam", "Came", "", nil)
	came := clock.Wall()
	await(t, "two virtual hours", func() error {
		if clock.Wall().Sub(came) < 2*time.Second {
			return errors.New("not yet")
		}
		return nil
	})
	in.track("cam", "Replied", "", nil)
	for _, name := range []string{"serve", "worker"} {
		if !in.procs[name].Running() {
			t.Fatalf("%s has ended", name)
		}
	}
	if server, err = startTemporal(in.dir, port, file, nil); err != nil {
		t.Fatal(err)
	}
	in.arrive([]string{"ana"}, "last", "Hello NAME", "Again")
	in.arrive([]string{"ben"}, "reply", "Hello NAME")
	in.ended("late/cam", "answered")
	in.ready("serve")
}

// serve is closed by default: without a key or token nothing can be read or changed.
func TestServeIsClosedByDefault(t *testing.T) {
	t.Parallel()
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.useTemporal(shared.address, takeNamespace(t))
	bare := without(in.env, "TABI_WRITE_KEYS", "TABI_TOKENS", "TABI_SECRET")
	code, out := runProcess(t, 25*time.Second, bare, tabi(t), "serve")
	if code != 2 {
		t.Errorf("serve without keys: exit %d, want 2\n%s", code, out)
	}
	for _, want := range []string{"TABI_SECRET", "--insecure"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not name %s:\n%s", want, out)
		}
	}

	in.publish(filepath.Join(in.dir, "tabi.db"))
	// Each call comes from a client of its own behind a proxy: after some tries with a wrong token an address has to wait.
	in.env = append(in.env, "TABI_TRUSTED_PROXIES=127.0.0.0/8")
	in.startServe()
	peers := 0
	event := `{"userId":"ana","event":"Start","properties":{"k":"1"}}`
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/", ""}, {"GET", "/inbox", ""}, {"GET", "/inbox/x", ""}, {"POST", "/inbox/x/claim", ""}, {"POST", "/inbox/x/resolve",
			"outcome=y"},
		{"GET", "/metrics", ""}, {"GET", "/v1/inbox/ana", ""}, {"POST", "/v1/inbox/ana/token", "{}"}, {"POST", "/v1/mail/events", "{}"},
		{"POST", "/v1/track", event}, {"POST", "/v1/t", event}, {"POST", "/v1/identify", event}, {"POST", "/v1/page", event}, {"POST",
			"/v1/screen", event},
		{"POST", "/v1/alias", event}, {"POST", "/v1/group", event}, {"POST", "/v1/batch", `{"batch":[{"type":"track",` + event[1:] + `]}`},
		{"POST", api.Enroll.Path, `{"journey":"nudge","customer":"ana"}`},
		{"POST", "/v1/admin/enrollments/x/commands", `{"kind":"cancel"}`},
		{"POST", api.PauseJourney.Path, `{"journey":"nudge","paused":true}`},
		{"GET", api.ListEnrollments.Path, ""}, {"GET", "/v1/admin/enrollments/x", ""}, {"GET", api.GetCounts.Path, ""},
	} {
		for _, header := range []string{"", "Bearer " + writeKey + "x", "Bearer " + webKey} {
			if header == "Bearer "+webKey && strings.HasPrefix(c.body, event[:9]) && c.path != "/v1/track" {
				continue // a web key may report who its visitor is and what they look at, but not this event
			}
			req, err := http.NewRequest(c.method, in.url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if header != "" {
				req.Header.Set("Authorization", header)
			}
			peers++
			req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", peers))
			status, body := do(t, req)
			if header == "Bearer "+webKey && c.path == "/v1/batch" && status == http.StatusOK &&
				strings.Contains(string(body), `"rejected":[{"index":0,"code":"forbidden"`) {
				continue // a batch is answered 200, with what was refused of it
			}
			if status != http.StatusUnauthorized && status != http.StatusForbidden &&
				(header != "Bearer "+webKey || status != http.StatusBadRequest) {
				t.Errorf("%s %s with %q: %d %s", c.method, c.path, header, status, body)
			}
		}
	}
	// Dev's pages do not exist, and a browser is redirected to the sign-in page.
	for _, path := range []string{"/dev/mail", "/dev/mail.json", "/dev/push.json"} {
		req, err := http.NewRequest(http.MethodGet, in.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := do(t, req); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	a := newAgent(t, in.url)
	a.signIn(agentToken, "Kim")
	if out := in.cli("list", "--output", "json"); strings.Contains(out, "ana") {
		t.Errorf("a stranger changed somebody: %s", out)
	}
}
