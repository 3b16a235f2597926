package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Keys and tokens of the installations under test.
const (
	writeKey = "a-server-key-of-the-tests"
	webKey   = "a-web-key-of-the-tests"

	proofSecret = "a-proof-secret-of-the-tests"

	agentToken = "an-agent-token-of-the-tests"
	tokens     = ":agent=" + agentToken + ",:admin=" + adminToken
	adminToken = "an-admin-token-of-the-tests"
	secret     = "a-secret-of-the-tests-7k3q9x2m"
	mailFrom   = "Shop <shop@example.com>"
)

// origin is the virtual time at which the tests begin.
var origin = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// installation is one installation in this process, made of the parts that all processes of tabi share, so that a
// test can stop its parts.
type installation struct {
	testing.TB
	app       *app.Services
	Store     *engine.Engine
	Temporal  client.Client
	clock     clock.Clock
	namespace string
	mail      *mailSink
	push      *fcm
	url       string // of the gateway
	parts     map[string]func()
}

// settings of an installation. The zero value runs an hour in a second, on SQLite.
type settings struct {
	files    map[string]string // the journeys folder
	scale    float64
	postgres bool
	still    bool // relay and worker are not started
	log      *zap.Logger
	more     func(*app.Config)
}

// open makes an installation. Everything it started ends with the test.
func open(t testing.TB, s settings) *installation {
	t.Helper()
	if s.scale == 0 {
		s.scale = 3600
	}
	ctx := context.Background()
	h := &installation{TB: t, mail: newMailSink(t), push: newFCM(t), parts: map[string]func(){}, namespace: takeNamespace(t)}
	cfg := &app.Config{}
	cfg.Register(
		pflag.NewFlagSet("", pflag.ContinueOnError),
		app.Storage|app.Logging|app.Temporal|app.HTTP|app.Channels|app.Work|app.Relay|app.Time,
	)
	cfg.DataDir = t.TempDir()
	cfg.Database = filepath.Join(cfg.DataDir, "tabi.db")
	if s.postgres {
		cfg.Database = pgtest.URL(t)
	}
	cfg.Secret, cfg.TemporalAddr, cfg.TemporalNS, cfg.Listen = secret, shared.address, h.namespace, "127.0.0.1:0"
	cfg.WriteKeys = writeKey + "=server," + webKey + "=web:Page Viewed|Product Viewed|trait.language|proof." + proofSecret
	cfg.Tokens = tokens
	cfg.Channels.EmailURL, cfg.Channels.MailFrom = h.mail.url(), mailFrom
	cfg.Channels.FCMCredentials, cfg.Channels.FCMURL = h.push.file, h.push.server.URL
	if s.more != nil {
		s.more(cfg)
	}
	log := zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))
	if testing.Verbose() {
		log = zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	}
	if s.log != nil {
		log = s.log
	}
	var err error
	if h.app, err = cfg.Connect(ctx, log); err != nil {
		t.Fatal(err)
	}
	h.Store, h.Temporal = h.app.Store, h.app.Temporal
	t.Cleanup(func() {
		if err := h.app.Close(); err != nil {
			t.Log(err)
		}
	})
	h.clock = clock.Clock{Origin: origin, Epoch: clock.Wall().Truncate(time.Millisecond), Scale: s.scale}
	if err := h.Store.Customers.SetClock(ctx, h.clock); err != nil {
		t.Fatal(err)
	}
	h.app.Clock = h.clock
	if s.files != nil {
		h.publish(s.files)
	}
	h.serve()
	t.Cleanup(func() {
		for name := range h.parts {
			h.stop(name)
		}
	})
	if !s.still {
		h.relay()
		h.worker()
	}
	return h
}

func takeNamespace(t testing.TB) string {
	n := int(shared.next.Add(1)) - 1
	if n >= namespaces {
		t.Fatalf("more than %d tests share the server: raise namespaces", namespaces)
	}
	return namespace(n)
}

// publish checks and publishes a journeys folder given as name → text.
func (h *installation) publish(files map[string]string) {
	h.Helper()
	if _, err := h.app.Publish(context.Background(), check(h, files)); err != nil {
		h.Fatal(err)
	}
}

// check compiles a folder and fails on any error.
func check(t testing.TB, files map[string]string) *journey.Content {
	t.Helper()
	var all []lint.File
	for name, text := range files {
		all = append(all, lint.File{Name: name, Data: []byte(text)})
	}
	content, diagnostics := app.Build{}.Check(all)
	if diagnostics.Failed(false) {
		t.Fatalf("the journeys of this test do not lint: %+v", diagnostics)
	}
	return content
}

// start runs a part until stop is called.
func (h *installation) start(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			h.Errorf("%s: %v", name, err)
		}
	}()
	h.parts[name] = func() {
		cancel()
		<-ended
	}
}

func (h *installation) stop(name string) {
	h.parts[name]()
	delete(h.parts, name)
}

// relay starts a relay and the background jobs, except the reconciler: tests call it.
func (h *installation) relay() {
	deliver := relay.New(relay.Config{
		Outbox: h.Store.Outbox, Enrollments: h.Store.Enrollments, Committed: h.Store.Units.Committed(),
		Client: h.Temporal, Home: h.app.Home, Clock: h.clock, Logger: h.app.Log, Poll: 20 * time.Millisecond,
	})
	jobs := background.New(background.Config{
		Enrollments: h.Store.Enrollments, Starts: h.Store.Outbox,
		Schedules: h.Store.Enrollments, Intents: h.Store.Intents, Offers: h.Store.Offers,
		Client: h.Temporal, Clock: h.clock, Logger: h.app.Log, ReconcileEvery: -1,
	})
	h.start("relay", func(ctx context.Context) error { return app.RunAll(ctx, deliver.Run, jobs.Run) })
}

func (h *installation) worker() { h.start("worker", h.app.RunWorker) }

func (h *installation) serve() {
	h.Helper()
	l, err := h.app.Config.ListenHTTP(zap.NewNop())
	if err != nil {
		h.Fatal(err)
	}
	h.url = h.app.Config.PublicURL
	g, err := h.app.Gateway(false, nil)
	if err != nil {
		h.Fatal(err)
	}
	server := &http.Server{Handler: g.Handler(), ReadHeaderTimeout: time.Minute}
	h.start("gateway", func(ctx context.Context) error {
		go func() {
			<-ctx.Done()
			_ = server.Close()
		}()
		_ = server.Serve(l)
		return nil
	})
}

// reconcile runs the reconciler once.
func (h *installation) reconcile() background.Report {
	h.Helper()
	return h.reconcileAs(background.Options{})
}

func (h *installation) reconcileAs(o background.Options) background.Report {
	h.Helper()
	report, err := h.app.Reconciler().Reconcile(context.Background(), o)
	if err != nil {
		h.Fatal(err)
	}
	return report
}

// answered is the gateway's response to a call.
type answered struct {
	Success  bool
	Receipts []struct {
		MessageID string
		Customer  string
		Duplicate bool
		Entered   []string
	}
}

// track posts an event as a channel does; id may be empty.
func (h *installation) track(user, event, id string, properties map[string]any) answered {
	h.Helper()
	body := map[string]any{"userId": user, "event": event, "properties": properties}
	if id != "" {
		body["messageId"] = id
	}
	return h.call("track", body)
}

func (h *installation) identify(user string, traits map[string]any) {
	h.Helper()
	h.call("identify", map[string]any{"userId": user, "traits": traits})
}

func (h *installation) call(path string, body map[string]any) answered {
	h.Helper()
	return post(h.TB, h.url, path, body)
}

// post makes one call of the tracking API with the server key and fails unless it is accepted.
func post(t testing.TB, url, path string, body any) answered {
	t.Helper()
	status, data := send(t, url+"/v1/"+path, body)
	var out answered
	if err := json.Unmarshal(data, &out); err != nil || status != http.StatusOK || !out.Success {
		t.Fatalf("POST /v1/%s: %d %s", path, status, data)
	}
	return out
}

// send posts JSON with the server key.
func send(t testing.TB, url string, body any) (int, []byte) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(writeKey, "")
	req.Header.Set("Content-Type", "application/json")
	return do(t, req)
}

func do(t testing.TB, req *http.Request) (int, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, data
}

// enrollments returns those at a workflow id, oldest first.
func (h *installation) enrollments(workflowID string) []unit.Enrollment {
	h.Helper()
	all, err := h.Store.Enrollments.List(context.Background(), enrollment.Filter{WorkflowID: workflowID})
	if err != nil {
		h.Fatal(err)
	}
	return all
}

// latest returns the last enrollment at a workflow id.
func (h *installation) latest(workflowID string) (unit.Enrollment, error) {
	all := h.enrollments(workflowID)
	if len(all) == 0 {
		return unit.Enrollment{}, fmt.Errorf("nobody entered %s", workflowID)
	}
	return all[len(all)-1], nil
}

// parked waits until the enrollment has reported that it waits at a step.
func (h *installation) parked(workflowID, step string) unit.Enrollment {
	h.Helper()
	var e unit.Enrollment
	await(h, workflowID+" waits at "+step, func() (err error) {
		if e, err = h.latest(workflowID); err != nil {
			return err
		}
		if e.State != unit.StateOpen || e.Step != step {
			return fmt.Errorf("it is %s at %q (%s %s)", e.State, e.Step, e.Outcome, e.Reason)
		}
		return nil
	})
	return e
}

// ended waits until the enrollment has ended with an outcome.
func (h *installation) ended(workflowID, outcome string) unit.Enrollment {
	h.Helper()
	var e unit.Enrollment
	await(h, workflowID+" ends "+outcome, func() (err error) {
		if e, err = h.latest(workflowID); err != nil {
			return err
		}
		if e.State != unit.StateClosed {
			return fmt.Errorf("it is %s at %q", e.State, e.Step)
		}
		return nil
	})
	if e.Outcome != outcome {
		h.Fatalf("%s ended %s (%s), want %s", workflowID, e.Outcome, e.Reason, outcome)
	}
	return e
}

// result waits for the result of the run.
func (h *installation) result(workflowID, runID string) contract.Result {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out contract.Result
	if err := h.Temporal.GetWorkflow(ctx, workflowID, runID).Get(ctx, &out); err != nil {
		h.Fatalf("the result of %s: %v", workflowID, err)
	}
	return out
}

// state queries the state of a run.
func (h *installation) state(workflowID string) contract.State {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var v contract.State
	answer, err := h.Temporal.QueryWorkflow(ctx, workflowID, "", contract.StateQuery)
	if err == nil {
		err = answer.Get(&v)
	}
	if err != nil {
		h.Fatalf("query state of %s: %v", workflowID, err)
	}
	return v
}

// update sends an update and waits for its result.
func (h *installation) update(workflowID, name string, arg any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	handle, err := h.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: name, Args: []any{arg}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	return err
}

// settled waits until the outbox is empty.
func (h *installation) settled() {
	h.Helper()
	await(h, "every delivery is made", func() error {
		c, err := h.Store.Analytics.Counts(context.Background())
		if err == nil && c.Pending > 0 {
			err = fmt.Errorf("%d deliveries are pending", c.Pending)
		}
		return err
	})
}

// entries returns how often a customer has entered a journey.
func (h *installation) entries(journey, customer string) int {
	h.Helper()
	all, err := h.Store.Enrollments.List(context.Background(), enrollment.Filter{Journey: journey, Customer: customer})
	if err != nil {
		h.Fatal(err)
	}
	return len(all)
}

// same fails unless got is want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %#v\nwant %#v", what, got, want)
	}
}
