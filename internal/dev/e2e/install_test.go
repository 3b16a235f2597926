package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// install is an installation of the real binaries, each a process.
type install struct {
	testing.TB
	dir      string // journeys, data and working folder
	url      string
	port     int
	temporal string // address
	space    string // namespace
	env      []string
	dev      bool
	flags    []string // of dev
	mail     *mailSink
	push     *fcm
	procs    map[string]*child
	clock    clock.Clock // after publish
}

// newInstall creates an installation with the journeys given as name → text; nothing runs yet.
func newInstall(t testing.TB, files map[string]string) *install {
	t.Helper()
	in := &install{TB: t, dir: t.TempDir(), port: freePort(), mail: newMailSink(t), push: newFCM(t), procs: map[string]*child{}}
	in.url = "http://" + local(in.port)
	in.env = []string{
		"TABI_DATA_DIR=" + filepath.Join(
			in.dir,
			"data",
		), "TABI_SECRET=" + secret, "TABI_LISTEN=" + local(in.port), "TABI_PUBLIC_URL=" + in.url, "TABI_URL=" + in.url,
		"TABI_WRITE_KEYS=" + writeKey + "=server," + webKey + "=web:Page Viewed", "TABI_TOKENS=" + tokens,
		"TABI_WRITE_KEY=" + writeKey, "TABI_TOKEN=" + adminToken,
		"TABI_EMAIL_URL=" + in.mail.url(), "TABI_MAIL_FROM=" + mailFrom, "TABI_FCM_CREDENTIALS=" + in.push.file, "TABI_FCM_URL=" +
			in.push.server.URL,
		"TABI_CONNECT_TIMEOUT=30s", "TABI_METRICS_LISTEN=" + local(freePort()),
	}
	for name, text := range files {
		in.write(name, text)
	}
	t.Cleanup(func() {
		for name, p := range in.procs {
			p.Stop(stopPatience)
			if t.Failed() {
				t.Logf("%s said:\n%s", name, &p.out)
			}
		}
	})
	return in
}

// write saves a file in the journeys folder, as an editor does.
func (in *install) write(name, text string) {
	in.Helper()
	path := filepath.Join(in.dir, "journeys", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		in.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		in.Fatal(err)
	}
}

// deploy puts the installation on the shared Temporal, in a namespace of its own, publishes the journeys on the
// database, and starts the processes. Call pgtest.URL before newInstall: cleanup runs in reverse order, and the
// database must be dropped after the processes have ended.
func (in *install) deploy(database string) {
	in.Helper()
	in.useTemporal(shared.address, takeNamespace(in))
	in.publish(database)
	in.startServe()
	in.startWorker()
}

// deployOn puts the installation on a server of its own, as deploy does.
func (in *install) deployOn(server *testservers.Temporal, namespace, database string, serve ...string) {
	in.Helper()
	in.useTemporal(server.Address, namespace)
	in.publish(database)
	in.run("serve", tabi(in), append([]string{"serve"}, serve...)...)
	in.ready("serve")
	in.startWorker()
}

// register registers a namespace and waits until it is served.
func register(t testing.TB, server *testservers.Temporal, namespace string) {
	t.Helper()
	ctx := context.Background()
	c, err := client.NewNamespaceClient(client.Options{HostPort: server.Address, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Register(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	served, err := client.NewLazyClient(client.Options{HostPort: server.Address, Namespace: namespace, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	await(t, "namespace "+namespace+" is served", func() error {
		_, err := served.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace})
		return err
	})
}

// temporalOnPostgres starts a Temporal server and a PostgreSQL for it, which end with the test.
func temporalOnPostgres(t testing.TB) *testservers.Temporal {
	t.Helper()
	if _, err := testservers.Find(testservers.TemporalBinary); err != nil {
		t.Skip(err)
	}
	pg, err := testservers.NewPostgres("", testservers.PostgresOptions{})
	if errors.Is(err, testservers.ErrNoPostgres) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Remove)
	server, err := testservers.NewTemporal(context.Background(), t.TempDir(), pg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// useTemporal points the installation at a server.
func (in *install) useTemporal(address, namespace string) {
	in.temporal, in.space = address, namespace
	in.env = append(in.env, "TEMPORAL_ADDRESS="+address, "TEMPORAL_NAMESPACE="+namespace)
}

// run starts a binary and keeps it under a name.
func (in *install) run(name, binary string, args ...string) *child {
	in.Helper()
	if old := in.procs[name]; old != nil && old.Running() {
		in.Fatalf("%s runs already", name)
	}
	p, err := launch(in.dir, in.env, binary, args...)
	if err != nil {
		in.Fatal(err)
	}
	in.procs[name] = p
	return p
}

// startDev runs `tabi dev` and waits until it is ready.
func (in *install) startDev() {
	in.Helper()
	if in.temporal == "" {
		in.temporal, in.space, in.dev = local(freePort()), "default", true
	}
	_, port, _ := strings.Cut(in.temporal, ":")
	args := append([]string{"dev", "journeys", "--headless", "--temporal-port", port}, in.flags...)
	in.run("dev", tabi(in), args...)
	in.ready("dev")
}

// ready waits until /readyz reports that everything is up.
func (in *install) ready(name string) {
	in.Helper()
	await(in, name+" is ready", func() error {
		if !in.procs[name].Running() {
			return errors.New("it has ended")
		}
		return in.isReady()
	})
}

// isReady returns an error unless the gateway is ready and reaches Temporal.
func (in *install) isReady() error {
	status, body, err := in.readiness()
	if err == nil && (status != http.StatusOK || !strings.Contains(body, `"temporal":"ok"`)) {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	return err
}

func (in *install) readiness() (status int, body string, err error) {
	resp, err := http.Get(in.url + "/readyz")
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// publish selects a database, lets an hour be a second in it, and publishes the journeys.
func (in *install) publish(database string) {
	in.Helper()
	ctx := context.Background()
	st, err := engine.Open(ctx, engine.Options{URL: database})
	if err != nil {
		in.Fatal(err)
	}
	in.clock = clock.Clock{Origin: origin, Epoch: clock.Wall().Truncate(time.Millisecond), Scale: 3600}
	if err := errors.Join(st.Customers.SetClock(ctx, in.clock), st.Close()); err != nil {
		in.Fatal(err)
	}
	in.env = append(in.env, "TABI_DATABASE="+database, "TABI_DRAIN=0s")
	in.cli("publish", filepath.Join(in.dir, "journeys"))
}

// startServe starts the gateway; startWorker starts the worker.
func (in *install) startServe() {
	in.Helper()
	in.run("serve", tabi(in), "serve")
	in.ready("serve")
}

func (in *install) startWorker() {
	in.Helper()
	in.run("worker", tabiWorker(in))
}

// killDev kills tabi dev and its Temporal at once, as a power cut does.
func (in *install) killDev() {
	in.Helper()
	p := in.procs["dev"]
	children := childrenOf(in, p.PID())
	if len(children) == 0 {
		in.Fatal("tabi dev has no child: where is its Temporal?")
	}
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	p.Kill()
	await(in, "the port of Temporal is free", func() error {
		conn, err := client.Dial(client.Options{HostPort: in.temporal, Logger: quiet{}})
		if err == nil {
			conn.Close()
			return errors.New("it answers")
		}
		return nil
	})
}

func childrenOf(t testing.TB, pid int) []int {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 2 && f[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(f[0])
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, child)
		}
	}
	return all
}

// cli runs a command of tabi, which must succeed.
func (in *install) cli(args ...string) string {
	in.Helper()
	code, out := runProcess(in, time.Minute, in.env, tabi(in), args...)
	if code != 0 {
		in.Fatalf("tabi %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// tctl runs the Temporal command line, as a channel or support staff do, and returns its exit status and output.
func (in *install) tctl(args ...string) (int, string) {
	in.Helper()
	binary, err := temporalBinary()
	if err != nil {
		in.Fatal(err)
	}
	args = append(args, "--address", in.temporal, "--namespace", in.space)
	if in.dev { // which encrypts
		args = append(args, "--codec-endpoint", in.url+"/v1/codec")
	}
	return runProcess(in, time.Minute, nil, binary, args...)
}

func (in *install) tctlGood(args ...string) string {
	in.Helper()
	code, out := in.tctl(args...)
	if code != 0 {
		in.Fatalf("temporal %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

func (in *install) track(user, event, id string, properties map[string]any) answered {
	in.Helper()
	body := map[string]any{"userId": user, "event": event, "properties": properties}
	if id != "" {
		body["messageId"] = id
	}
	return post(in, in.url, "track", body)
}

func (in *install) customer(id string) string {
	in.Helper()
	address := id + "@example.com"
	post(
		in,
		in.url,
		"identify",
		map[string]any{"userId": id, "traits": map[string]any{"email": address, "first_name": id, "push_token": "device-" + id}},
	)
	return address
}

// status returns what the gateway knows about a workflow id.
func (in *install) status(workflowID string) (api.Status, error) {
	in.Helper()
	var out api.Status
	req, err := http.NewRequest(http.MethodGet, in.url+"/v1/admin/enrollments/"+url.PathEscape(workflowID), nil)
	if err != nil {
		in.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return out, errors.New(resp.Status)
	}
	return out, json.NewDecoder(resp.Body).Decode(&out)
}

// parked waits until an enrollment waits at a step; ended waits until it has ended so.
func (in *install) parked(workflowID, step string) api.Status {
	in.Helper()
	var s api.Status
	await(in, workflowID+" waits at "+step, func() (err error) {
		if s, err = in.status(workflowID); err != nil {
			return err
		}
		if s.Enrollment.State != "open" || s.Enrollment.Step != step {
			return fmt.Errorf("it is %s at %q (%s %s)", s.Enrollment.State, s.Enrollment.Step, s.Enrollment.Outcome, s.Enrollment.Reason)
		}
		return nil
	})
	return s
}

func (in *install) ended(workflowID, outcome string) api.Status {
	in.Helper()
	var s api.Status
	await(in, workflowID+" ends", func() (err error) {
		if s, err = in.status(workflowID); err != nil {
			return err
		}
		if s.Enrollment.State != "closed" {
			return fmt.Errorf("it is %s at %q", s.Enrollment.State, s.Enrollment.Step)
		}
		return nil
	})
	if s.Enrollment.Outcome != outcome {
		in.Fatalf("%s ended %s (%s), want %s", workflowID, s.Enrollment.Outcome, s.Enrollment.Reason, outcome)
	}
	return s
}

// result returns the result of the latest run.
func (in *install) result(workflowID string) contract.Result {
	in.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	options := client.Options{HostPort: in.temporal, Namespace: in.space, Logger: quiet{}}
	if in.dev { // which encrypts
		options.DataConverter = converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), &codec.Remote{URL: in.url})
	}
	c, err := client.DialContext(ctx, options)
	if err != nil {
		in.Fatal(err)
	}
	defer c.Close()
	var out contract.Result
	if err := c.GetWorkflow(ctx, workflowID, "").Get(ctx, &out); err != nil {
		in.Fatalf("the result of %s: %v", workflowID, err)
	}
	return out
}
