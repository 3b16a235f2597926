package activities

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// publish returns the journeys another release, and the revision of news in it.
func (b *bundle) publish(news, other string) (revision, foreign string) {
	b.t.Helper()
	content, problems := lint.Check([]lint.File{
		{
			Name: "news.yaml",
			Data: []byte(news),
		}, {Name: "other.yaml", Data: []byte(other)}, {Name: "messages/hello.yaml", Data: []byte(helloMessage)},
	}, lint.Options{Channels: channels.Shipped().Specs()})
	if problems.Failed(false) {
		b.t.Fatal(problems)
	}
	if _, err := b.store.Catalog.Publish(b.t.Context(), time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC), content); err != nil {
		b.t.Fatal(err)
	}
	return content.Journeys["news"].Revision(), content.Journeys["other"].Revision()
}

// From the move on the store serves the enrollment by the new revision, which reads more of its entry; a repeat
// tells the same.
func TestMove(t *testing.T) {
	b := setup(t, nil)
	if _, err := b.activities.Send(t.Context(), b.order(journey.Marketing)); err != nil { // claims the enrollment
		t.Fatal(err)
	}
	to, foreign := b.publish(strings.Replace(newsJourney, "- wait: 1d", "- {id: rest, when: entry.plan == \"pro\", wait: 2d}", 1),
		"journey: other\nentry: {event: Other}\ngoal: {event: Bought}\nsteps: [{wait: 1d}]\n")
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	Register(env, b.activities)
	in := contract.Move{Ref: b.ref, To: to, Step: "rest", Events: []string{b.event}}
	for range 2 {
		value, err := env.ExecuteActivity(contract.MoveActivity, in)
		if err != nil {
			t.Fatal(err)
		}
		var got contract.MoveResult
		if err := value.Get(&got); err != nil || string(got.Entry) != `{"plan":"pro"}` {
			t.Errorf("%+v %v", got, err)
		}
		list, err := b.store.Enrollments.List(t.Context(), enrollment.Filter{Journey: "news"})
		if err != nil || list[0].Revision != to || list[0].Step != "rest" {
			t.Errorf("%+v %v", list, err)
		}
	}
	in.To = foreign
	_, err := b.activities.Move(t.Context(), in)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || !app.NonRetryable() || !strings.Contains(app.Message(), `"other"`) {
		t.Errorf("to a revision of another journey: %v", err)
	}
	in.Chain = "another"
	if _, err = b.activities.Move(t.Context(), in); !errors.As(err, &app) || app.Type() != contract.Superseded {
		t.Errorf("by another chain: %v", err)
	}
}
