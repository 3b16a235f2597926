package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// testChannels are channels as the channel registry describes them.
var testChannels = []channel.Spec{
	{
		Name:    "email",
		Address: "email",
		Fields:  []channel.Field{{Name: "subject", Required: true}, {Name: "html", Required: true, HTML: true}, {Name: "text"}},
	},
	{
		Name:    "push",
		Address: "push_token",
		Fields:  []channel.Field{{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"}},
	},
	{Name: "app", Fields: []channel.Field{{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"}}},
	{Name: "sms", Address: "phone", Fields: []channel.Field{{Name: "text", Required: true}}},
	{Name: "webhook", Fields: []channel.Field{{Name: "url", Required: true}, {Name: "body"}}},
	{Name: "log", Any: true},
}

// compile compiles one journey beside messages `hello` and `bye`, intents and actions. It fails for what lint
// would call an error.
func compile(source string) (*journey.Program, error) {
	name := strings.TrimSpace(strings.TrimPrefix(strings.SplitN(strings.TrimSpace(source), "\n", 2)[0], "journey:"))
	files := append(brainFiles[:len(brainFiles):len(brainFiles)], lint.File{Name: name + ".yaml", Data: []byte(source)})
	for _, message := range []string{"hello", "bye"} {
		files = append(files, lint.File{Name: "messages/" + message + ".yaml",
			Data: []byte("message: " + message + "\nemail: {subject: s, html: h}\npush: {title: t, body: b}\n")})
	}
	content, diagnostics := lint.Check(files, lint.Options{Channels: testChannels})
	if diagnostics.Failed(false) {
		var lines []string
		for _, d := range diagnostics {
			lines = append(lines, fmt.Sprintf("%s:%d:%d: %s: %s", d.File, d.Line, d.Column, d.Code, d.Message))
		}
		return nil, fmt.Errorf("%s\n%s", strings.Join(lines, "\n"), source)
	}
	return journey.NewProgram(content.Journeys[name])
}

// world stands in for all activities: it answers, fails where the test says so, and keeps an account of every call.
type world struct {
	mu       sync.Mutex
	prog     *journey.Program
	start    time.Time
	customer map[string]any
	entry    map[string]any
	account  []string // calls in order, but for reports and evaluations
	reports  []contract.Report
	sends    []contract.Send
	scenes   []contract.EvalContext
	evals    int
	tries    int // of reports
	records  []contract.Record
	opened   []contract.OpenHandoff
	emits    []contract.Emit
	calls    []contract.Call
	moves    []contract.Move
	// the attempts of ReserveSeat, an activity of another worker
	reservations []reservation
	events       map[string]map[string]any // whole properties of events, for moves: by id
	next         *journey.Program          // the revision that moves go to

	due        [][]string // answers of the activity due, in order; then nothing is on its way
	onDue      func(in contract.Due)
	send       func(n int, s contract.Send) (contract.SendResult, error) // nil: sent by email; n counts from 1
	deliver    func(n int, s contract.Send) (contract.SendResult, error)
	report     func(n int, r contract.Report) error
	call       func(n int, c contract.Call) (contract.CallResult, error) // nil: 200; n counts the attempts
	reserve    func(r reservation) (any, error)                          // nil: {seat: C7}
	moved      func(n int, m contract.Move) error
	emitted    func(e contract.Emit)
	refuseEmit func(n int) error
	assigned   func()           // while traits are set
	now        func() time.Time // what the clock on the wall shows
	refuse     func(r contract.Record) error
	brain
	block func(ctx context.Context, s contract.Send) // before a delivery answers
}

// register serves the activities under their names.
func (w *world) register(to interface {
	RegisterActivityWithOptions(any, activity.RegisterOptions)
}) {
	for name, call := range map[string]any{
		contract.ReportActivity: w.doReport, contract.EvaluateActivity: w.doEvaluate, contract.AssignActivity: w.doAssign,
		contract.SendActivity: w.doSend, contract.DeliverActivity: w.doDeliver,
		contract.HandoffActivity: w.doHandoff, contract.WithdrawActivity: w.doWithdraw, contract.RecordActivity: w.doRecord,
		contract.DueActivity:  w.doDue,
		contract.EmitActivity: w.doEmit, contract.CallActivity: w.doCall, contract.MoveActivity: w.doMove,
		contract.DecideActivity: w.doDecide, contract.LevelsActivity: w.doLevels, contract.ReplyActivity: w.doReply,
		"ReserveSeat": w.doReserve,
	} {
		to.RegisterActivityWithOptions(call, activity.RegisterOptions{Name: name})
	}
}

// doDue answers with what the test says is on its way, once for each entry of due.
func (w *world) doDue(_ context.Context, in contract.Due) (contract.DueResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onDue != nil {
		w.onDue(in)
	}
	if len(w.due) == 0 {
		return contract.DueResult{}, nil
	}
	answer := w.due[0]
	w.due = w.due[1:]
	return contract.DueResult{OnTheirWay: answer}, nil
}

func (w *world) note(format string, args ...any) {
	w.account = append(w.account, fmt.Sprintf(format, args...))
}

func (w *world) doReport(_ context.Context, in contract.Report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries++
	if w.report != nil {
		if err := w.report(w.tries, in); err != nil {
			return err
		}
	}
	w.reports = append(w.reports, in)
	return nil
}

func (w *world) doEvaluate(_ context.Context, in contract.Evaluate) (contract.EvaluateResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.evals++
	w.scenes = append(w.scenes, in.EvalContext)
	if in.Moment != nil && in.Moment.At != "" {
		return w.onClock(in)
	}
	vars := expr.Vars{Customer: w.customer, Entry: w.entry, Event: map[string]any{}, Vars: in.Vars, Steps: in.Steps}
	result := contract.EvaluateResult{Values: make([]any, len(in.Exprs)), Missing: make([]bool, len(in.Exprs))}
	for i, source := range in.Exprs {
		value, err := w.prog.Eval(source, vars)
		if err == nil && in.Moment != nil {
			text, _ := value.(string)
			at, bad := time.Parse(time.RFC3339Nano, text)
			value, err = at.Add(in.Moment.Offset).UTC().Format(time.RFC3339Nano), bad
		}
		if err != nil {
			result.Missing[i] = true
			continue
		}
		result.Values[i] = expr.ToPlain(value)
	}
	return result, nil
}

func (w *world) doAssign(_ context.Context, in contract.Assign) error {
	if w.assigned != nil {
		w.assigned()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range in.Assign {
		value, err := w.prog.Eval(a.Value, expr.Vars{Customer: w.customer, Vars: in.Vars, Steps: in.Steps})
		if err == nil {
			w.customer = with(w.customer, strings.Split(a.Name, "."), value)
		}
		w.note("assign %s.%s=%v (%s)", a.Target, a.Name, value, strings.TrimPrefix(in.Key, in.Enrollment+"/"))
	}
	return nil
}

func (w *world) doSend(_ context.Context, in contract.Send) (contract.SendResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if in.GiveUp != "" {
		w.note("give up %s: %s", in.Spec.Message, in.GiveUp)
		return contract.SendResult{Status: contract.StatusFailed, Reason: in.GiveUp}, nil
	}
	w.sends = append(w.sends, in)
	w.note("send %s (%s)", in.Spec.Message, strings.TrimPrefix(in.Key, in.Enrollment+"/"))
	if w.send != nil {
		return w.send(len(w.sends), in)
	}
	return contract.SendResult{Status: contract.StatusSent, Channel: "email"}, nil
}

func (w *world) doDeliver(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	n := int(activity.GetInfo(ctx).Attempt)
	w.mu.Lock()
	w.note("deliver %s (%s)", in.Spec.Message, strings.TrimPrefix(in.Key, in.Enrollment+"/"))
	answer := w.deliver
	w.mu.Unlock()
	if w.block != nil {
		w.block(ctx, in)
	}
	if answer != nil {
		return answer(n, in)
	}
	return contract.SendResult{Status: contract.StatusSent, Channel: "push"}, nil
}

func (w *world) doHandoff(_ context.Context, in contract.OpenHandoff) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened = append(w.opened, in)
	w.note("open %s (%s)", in.Spec.Queue, strings.TrimPrefix(in.ID, in.Enrollment+"/"))
	return nil
}

func (w *world) doWithdraw(_ context.Context, in contract.WithdrawHandoff) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("withdraw (%s): %s", strings.TrimPrefix(in.ID, in.Enrollment+"/"), in.Reason)
	return nil
}

func (w *world) doRecord(_ context.Context, in contract.Record) (contract.TrackResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, in)
	w.note("record %s %s", in.Call.MessageID, in.Call.Event)
	if w.refuse != nil {
		if err := w.refuse(in); err != nil {
			return contract.TrackResult{}, err
		}
	}
	id := in.Call.MessageID
	if in.Raw != nil {
		id = in.ID
	}
	return contract.TrackResult{ID: id, Customer: in.Call.UserID}, nil
}

// passed returns every step in the reports, with its time since the start: "nudge@1h0m0s: sent by email".
func (w *world) passed() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, r := range w.reports {
		for _, p := range r.Passed {
			line := fmt.Sprintf("%s@%s", p.Step, brief(p.At.Sub(w.start)))
			if p.Outcome != "" {
				line += ": " + p.Outcome
			}
			all = append(all, line)
		}
	}
	return all
}

// parked returns every wait in the reports: "response wait_for until 24h".
func (w *world) parked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, r := range w.reports {
		if p := r.Parked; p != nil {
			line := fmt.Sprintf("%s %s", p.Step, p.Kind)
			if !p.Until.IsZero() {
				line += " until " + brief(p.Until.Sub(w.start))
			}
			if p.Silent {
				line += " silent"
			}
			if p.Paused {
				line += " paused"
			}
			all = append(all, line)
		}
	}
	return all
}

// ends returns the outcomes in the reports.
func (w *world) ends() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, r := range w.reports {
		if r.Ended != nil {
			all = append(all, r.Ended.Outcome)
		}
	}
	return all
}

// brief writes 1h0m0s as 1h.
func brief(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

var errDown = errors.New("the provider is down")

func errSuperseded() error {
	return temporal.NewNonRetryableApplicationError("closed", contract.Superseded, nil)
}
