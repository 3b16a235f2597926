package activities

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// fakeCaller answers with what it is given, and remembers what it was asked.
type fakeCaller struct {
	answer contract.CallResult
	err    error
	got    []CallRequest
}

func (f *fakeCaller) Call(_ context.Context, r CallRequest) (contract.CallResult, error) {
	f.got = append(f.got, r)
	return f.answer, f.err
}

// call is an order of step rate, at a Caller that answers so.
func (b *bundle) call(spec journey.Call, answer contract.CallResult, err error) (contract.Call, *fakeCaller) {
	f := &fakeCaller{answer: answer, err: err}
	b.activities.cfg.Call = f
	return contract.Call{Ref: b.ref, EvalContext: contract.EvalContext{EntryEvent: b.event, Event: b.event,
		Vars: map[string]any{"tries": 2}},
		Key: b.ref.Enrollment + "/rate/1", Step: "rate", Spec: spec}, f
}

func TestCallIsRendered(t *testing.T) {
	b := setup(t, map[string]any{"token": "a&b", "address": map[string]any{"city": "Kyoto\nJapan"}})
	in, f := b.call(journey.Call{
		Method: "POST", URL: "https://api.example.com/{{ customer.first_name | url_encode }}?t={{ customer.token }}",
		Timeout: 3 * time.Second,
		Headers: map[string]string{"Authorization": "Bearer {{ customer.token }}", "X-None": "{{ customer.nothing }}"},
		JSON: map[string]any{
			"who":  "{{ customer.first_name }}",
			"n":    1.0,
			"list": []any{"{{ vars.tries }}", true, nil},
			"deep": map[string]any{"city": "{{ customer.address.city }}"},
		},
	}, contract.CallResult{Status: 200, Body: map[string]any{"score": 7.0, "secret": "x"}}, nil)
	in.Reads = []string{"score", "other"}
	got, err := b.activities.Call(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contract.CallResult{Status: 200, Body: map[string]any{"score": 7.0}}, got); diff != "" {
		t.Error(diff)
	}
	r := f.got[0]
	var body any
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"who": "Ana", "n": 1.0, "list": []any{"2", true, nil}, "deep": map[string]any{"city": "Kyoto\nJapan"}}
	if diff := cmp.Diff(any(want), body); diff != "" {
		t.Error(diff)
	}
	r.Body = nil
	if diff := cmp.Diff(CallRequest{Step: "rate", Key: in.Key, Method: "POST", URL: "https://api.example.com/Ana?t=a&b",
		Timeout: 3 * time.Second,
		Headers: map[string]string{"Authorization": "Bearer a&b", "X-None": ""}}, r); diff != "" {
		t.Error(diff)
	}
}

// The whole response stays in the store, where the templates and expressions of later steps find it.
func TestCallIsKept(t *testing.T) {
	b := setup(t, nil)
	in, _ := b.call(
		journey.Call{URL: "https://api.example.com/"},
		contract.CallResult{Status: 200, Body: map[string]any{"score": 7.0, "name": "Kyoto"}},
		nil,
	)
	for range 2 { // a repeat changes nothing
		if got, err := b.activities.Call(t.Context(), in); err != nil || got.Body != nil {
			t.Fatal(got, err)
		}
	}
	scene := in.EvalContext
	scene.Steps, scene.StepCalls = map[string]map[string]any{"rate": {"status": 200.0}}, map[string]string{"rate": in.Key}
	values, err := b.activities.Evaluate(
		t.Context(),
		contract.Evaluate{Ref: b.ref, EvalContext: scene, Exprs: []expr.Expr{"steps.rate.body.score + 1", "steps.rate.body.name"}},
	)
	if err != nil || !cmp.Equal([]any(values.Values), []any{8.0, "Kyoto"}) {
		t.Error(values, err)
	}
}

func TestCallReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body  any
		reads []string
		want  any
	}{
		{map[string]any{"a": 1.0, "b": 2.0}, []string{"*"}, map[string]any{"a": 1.0, "b": 2.0}},
		{map[string]any{"a": 1.0, "b": 2.0}, []string{"b", "c"}, map[string]any{"b": 2.0}},
		{map[string]any{"a": 1.0}, []string{"c"}, map[string]any{}},
		{map[string]any{"a": 1.0}, nil, nil},
		{"hello", []string{"*"}, "hello"},
		{"hello", []string{"a"}, nil},
		{[]any{1.0}, []string{"*"}, []any{1.0}},
		{nil, []string{"*"}, nil},
	} {
		if diff := cmp.Diff(c.want, projectBody(c.body, c.reads)); diff != "" {
			t.Errorf("%v of %v: %s", c.reads, c.body, diff)
		}
	}
}

func TestCallTemplatesThatFail(t *testing.T) {
	b := setup(t, map[string]any{"loops": 200_000, "first_name": "secret-ana"})
	bad := "{{ customer.first_name }}{% for i in (1..customer.loops) %}{% endfor %}"
	for field, spec := range map[string]journey.Call{
		"url":            {URL: "https://api.example.com/" + bad},
		"headers.X-Name": {URL: "https://api.example.com/", Headers: map[string]string{"A": "b", "X-Name": bad}},
		"body":           {URL: "https://api.example.com/", Body: "hello\n" + bad},
		"body.customer.list[1].of": {URL: "https://api.example.com/",
			JSON: map[string]any{"customer": map[string]any{"list": []any{"x", map[string]any{"of": bad}}}}},
	} {
		in, f := b.call(spec, contract.CallResult{}, nil)
		in.Key = b.ref.Enrollment + "/" + field
		got, err := b.activities.Call(t.Context(), in)
		if err != nil || !got.Failed || got.Status != 0 || !strings.HasPrefix(got.Reason, "TEMPLATE: "+field) ||
			strings.Contains(got.Reason, "secret-ana") ||
			len(f.got) != 0 {
			t.Errorf("%s: %+v %v", field, got, err)
		}
	}
}

// An attempt that may be repeated reaches Temporal as it is, and nothing is kept of it.
func TestCallAgain(t *testing.T) {
	b := setup(t, nil)
	in, f := b.call(
		journey.Call{URL: "https://api.example.com/"},
		contract.CallResult{},
		temporal.NewApplicationErrorWithOptions(
			"api.example.com: the answer was 503",
			"CallFailed",
			temporal.ApplicationErrorOptions{NextRetryDelay: time.Minute},
		),
	)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	Register(env, b.activities)
	_, err := env.ExecuteActivity(contract.CallActivity, in)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.NextRetryDelay() != time.Minute || !strings.Contains(app.Message(), "503") || len(f.got) != 1 {
		t.Error(err)
	}
}

// Without a Caller of its own, the activity reaches the open internet only.
func TestCallDefault(t *testing.T) {
	b := setup(t, nil)
	in, _ := b.call(journey.Call{URL: "http://169.254.169.254/latest/meta-data"}, contract.CallResult{}, nil)
	b.activities = New(Config{Rooms: roomsOf(b.store)})
	got, err := b.activities.Call(t.Context(), in)
	if err != nil || !got.Failed || !strings.Contains(got.Reason, "TABI_CALL_ALLOWLIST") {
		t.Error(got, err)
	}
}

func TestSupersededCall(t *testing.T) {
	b := setup(t, nil)
	if _, err := b.activities.Send(t.Context(), b.order(journey.Marketing)); err != nil {
		t.Fatal(err)
	}
	in, f := b.call(journey.Call{URL: "https://api.example.com/"}, contract.CallResult{Status: 200}, nil)
	in.Chain = "another"
	emit := contract.Emit{Ref: b.ref, EvalContext: in.EvalContext, Key: in.Key, Spec: journey.Emit{Event: "Hello"}}
	emit.Chain = "another"
	_, called := b.activities.Call(t.Context(), in)
	_, emitted := b.activities.Emit(t.Context(), emit)
	for what, err := range map[string]error{"call": called, "emit": emitted} {
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.Type() != contract.Superseded || !app.NonRetryable() || len(f.got) != 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
}
