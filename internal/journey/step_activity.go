package journey

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

var activityKind = Kind{
	Name:   "activity",
	Family: Acting,
	Icon:   "M8 2l5.200 3v6L8 14l-5.200-3V5zM8 6.200a1.800 1.800 0 1 0 0 3.600a1.800 1.800 0 1 0 0-3.600",
	Form:   "`activity: {name:, task_queue:, input: {k: <CEL>}, timeout:, retry_for:}`; beside it `on_failure: [...]`",
	Doc: "Runs an activity of any Temporal worker, in any language, by its name. `input` is sent as one JSON object; what the activity " +
		"returns is `result`. An attempt may take `timeout`. What fails is tried again for `retry_for`; then, and where the worker says " +
		"that it is final, `on_failure` runs and `error` says why. What ends or reroutes the enrollment cancels the activity.",
	Example: "- id: seat\n  activity:\n    name: ReserveSeat\n    task_queue: booking\n    input: {show: entry.show, row: \"'C'\"}\n" +
		"    timeout: 30s\n    retry_for: 1h\n  on_failure: [{exit: no-seat}]\n- set: {vars.seat: steps.seat.result.seat}\n",
	Results: []string{"result", "error"},
	New:     func() Spec { return &Activity{} },
}

// Activity runs an activity of a worker that is not tabi's.
type Activity struct {
	Name      string               `json:"name"`            // the activity type
	TaskQueue string               `json:"task_queue"`      // of the workers that have it
	Input     map[string]expr.Expr `json:"input,omitempty"` // one JSON object; a key without a value is left out
	Timeout   time.Duration        `json:"timeout"`         // of one attempt
	RetryFor  time.Duration        `json:"retry_for"`       // of all attempts together, at least Timeout
	OnFailure int                  `json:"on_failure"`      // default Next
}

// DefaultRetryFor is how long an activity without a retry_for is tried. See RetryForOf.
const DefaultRetryFor = time.Hour

// MaxActivityPayload is the maximum size of an activity's input, and of its result, in bytes of JSON.
const MaxActivityPayload = 64 << 10

// MaxActivityName is the maximum length of the name of an activity or of a task queue, in bytes. Temporal's SQL stores
// accept 255; a longer name would be refused there again and again, without an error that an operator sees.
const MaxActivityName = 200

// systemQueues is the prefix of the task queues that Temporal keeps for itself.
const systemQueues = "/_sys/"

// RetryForOf returns the default of retry_for: an hour, or the timeout of one attempt if that is longer.
func RetryForOf(timeout time.Duration) time.Duration { return max(DefaultRetryFor, timeout) }

// CheckActivityName returns what is wrong with the name of an activity or of a task queue, or "" if nothing is.
func CheckActivityName(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "is empty"
	case len(name) > MaxActivityName:
		return fmt.Sprintf("has %d bytes; the longest allowed has %d", len(name), MaxActivityName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return "has one line"
	case strings.HasPrefix(name, systemQueues):
		return "begins with " + systemQueues + ", which Temporal keeps for itself"
	}
	return ""
}

// Kind implements Spec.
func (*Activity) Kind() string { return "activity" }

// Fields implements Spec.
func (a *Activity) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "activity", Value: syntax.Object{
			Of:   activityOrder{a},
			Bare: &syntax.Bare{Words: "is a mapping: write {name: …}", Hint: "{name: %s, task_queue: …, timeout: 30s}"},
		}},
		syntax.Arm(ArmFailure, "to take if the activity failed for good", syntax.Steps{To: &a.OnFailure}),
	}
}

// Check reports keys that belong inside activity but were written beside it.
func (a *Activity) Check(r *syntax.Reader) {
	for _, key := range []string{"task_queue", "input", "timeout", "retry_for"} {
		if r.Keys.Get(key) != nil {
			r.Report(r.Keys.Key(key), "unknown-key", "", "%s stands inside activity: write activity: {name: …, %s: …}", key, key)
		}
	}
}

// activityOrder is the value of activity.
type activityOrder struct{ *Activity }

// Fields implements syntax.Part.
func (a activityOrder) Fields() []syntax.Field {
	return []syntax.Field{
		{
			Key: "name", Doc: "The activity type, as its worker registers it.",
			Need: "the activity type, as its worker registers it", Value: activityName{&a.Name},
		},
		{
			Key: "task_queue", Doc: "The task queue of the workers that have the activity.",
			Need: "the task queue of the workers that have the activity", Value: activityName{&a.TaskQueue},
		},
		{
			Key: "input", Doc: "One JSON object, at most 64 KiB. A key whose value is missing is left out.",
			Value: syntax.CELs{To: &a.Input, Words: "a key of input is a text"},
		},
		{
			Key: "timeout", Doc: "How long one attempt may take.", Need: "how long one attempt may take",
			Value: syntax.Duration{To: &a.Timeout, Refuse: syntax.NotZero("an attempt of an activity takes more than 0s")},
		},
		{
			Key: "retry_for", Doc: "How long all attempts may take together; default 1h, or timeout if that is longer.",
			Value: retryFor{a.Activity, syntax.Duration{
				To: &a.RetryFor, Default: RetryForOf(a.Timeout), Refuse: a.refuseRetryFor,
			}},
		},
	}
}

// Check reports keys that belong beside activity but were written inside it.
func (activityOrder) Check(r *syntax.Reader) { r.Beside("activity", ArmFailure) }

func (a *Activity) refuseRetryFor(d time.Duration) string {
	switch {
	case d == 0:
		return "an activity is tried for more than 0s"
	case d < a.Timeout:
		return "retry_for is the time of all attempts: at least the timeout of one, " + clock.FormatDuration(a.Timeout)
	}
	return ""
}

// retryFor is a duration whose default depends on the timeout, which is read first.
type retryFor struct {
	*Activity
	syntax.Duration
}

// Absent sets the default.
func (v retryFor) Absent(*syntax.Reader, *syntax.Field) { v.RetryFor = RetryForOf(v.Timeout) }

// activityName is the name of an activity or of a task queue.
type activityName struct{ to *string }

// Read implements syntax.Value.
func (v activityName) Read(r *syntax.Reader, f *syntax.Field, n *source.Node) {
	text, ok := r.Word(n, f.Key)
	if !ok {
		return
	}
	if wrong := CheckActivityName(text); wrong != "" {
		r.Report(n.Pos, "bad-value", "", "%s %s", f.Key, wrong)
		return
	}
	*v.to = text
}

// Print implements syntax.Value.
func (v activityName) Print(*syntax.Printer, *syntax.Field) *yaml.Node { return syntax.String(*v.to) }

// Schema implements syntax.Value.
func (activityName) Schema(*shape.Builder) *shape.Schema {
	s := shape.Word()
	s.MaxLength = MaxActivityName
	return s
}

// Describe implements Spec.
func (a *Activity) Describe() Description {
	d := Description{
		Title: a.Name + " on " + a.TaskQueue,
		Exprs: sortedExprs(a.Input),
		Arms: []Arm{
			{Label: "done", Full: "the activity completed"},
			armFailed(&a.OnFailure, nil, "the activity failed for good"),
		},
		Stays: true,
	}
	if len(a.Input) > 0 {
		d.Lines = append(d.Lines, "with "+strings.Join(slices.Sorted(maps.Keys(a.Input)), ", "))
	}
	d.Lines = append(d.Lines, "at most "+human.Duration(a.Timeout)+" a try, "+human.Duration(a.RetryFor)+" in all")
	return d
}

// valid checks the fixed parts of an activity.
func (a *Activity) valid() error {
	if wrong := CheckActivityName(a.Name); wrong != "" {
		return errors.New("the name " + wrong)
	}
	if wrong := CheckActivityName(a.TaskQueue); wrong != "" {
		return errors.New("the task queue " + wrong)
	}
	switch {
	case a.Timeout <= 0:
		return fmt.Errorf("the timeout is %s", a.Timeout)
	case a.RetryFor < a.Timeout:
		return fmt.Errorf("it is tried for %s, less than its timeout of %s", a.RetryFor, a.Timeout)
	}
	return nil
}
