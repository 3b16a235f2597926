package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// customer creates a customer with addresses.
func (h *installation) customer(id string) string {
	h.Helper()
	address := id + "@example.com"
	h.identify(id, map[string]any{"email": address, "first_name": id, "push_token": "device-" + id})
	return address
}

// The updates of support staff do what they promise, and reject with a reason what they cannot do.
func TestOperatorUpdates(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{
		"nudge.yaml": strings.Replace(nudge, "wait: 1h", "wait: 5h", 1), // a slow machine must see the first wait
	})})

	t.Run("exit", func(t *testing.T) {
		t.Parallel()
		h.customer("eva")
		h.track("eva", "Start", "", map[string]any{"k": "1"})
		h.parked("nudge/eva/1", "reply")
		if err := h.update("nudge/eva/1", contract.ExitUpdate, contract.Command{By: "sam", Reason: "asked to"}); err != nil {
			t.Fatal(err)
		}
		e := h.ended("nudge/eva/1", contract.Cancelled)
		if !strings.Contains(e.Reason, "sam") || !strings.Contains(e.Reason, "asked to") {
			t.Errorf("the reason is %q: it should say who and why", e.Reason)
		}
		same(t, "the run's outcome", h.result("nudge/eva/1", "").Outcome, contract.Cancelled)
		err := h.update("nudge/eva/1", contract.ExitUpdate, contract.Command{})
		var gone *serviceerror.NotFound
		if !errors.As(err, &gone) {
			t.Errorf("exit of an ended run: %v, want not found", err)
		}
	})

	t.Run("pause and resume", func(t *testing.T) {
		t.Parallel()
		address := h.customer("pia")
		h.track("pia", "Start", "", map[string]any{"k": "1"})
		e := h.parked("nudge/pia/1", "pause")
		if err := h.update("nudge/pia/1", contract.PauseUpdate, contract.Command{By: "sam"}); err != nil {
			t.Fatal(err)
		}
		refused(t, h.update("nudge/pia/1", contract.PauseUpdate, contract.Command{}), "already paused")
		await(t, "its time is over", func() error {
			if now := clock.Now(h.clock); now.Before(e.Until.Add(e.Until.Sub(e.Since))) {
				return fmt.Errorf("it is %s", now)
			}
			return nil
		})
		if v := h.state("nudge/pia/1"); !v.Paused || v.Step != "pause" {
			t.Errorf("paused, past its time: %+v", v)
		}
		same(t, "mails while paused", h.mail.subjects(address), []string{})
		if err := h.update("nudge/pia/1", contract.ResumeUpdate, contract.Command{By: "sam"}); err != nil {
			t.Fatal(err)
		}
		h.parked("nudge/pia/1", "reply")
		same(t, "mails after resume", h.mail.subjects(address), []string{"Hello pia"})
		refused(t, h.update("nudge/pia/1", contract.ResumeUpdate, contract.Command{}), "not paused")
	})

	t.Run("skip and go_to", func(t *testing.T) {
		t.Parallel()
		address := h.customer("gil")
		h.track("gil", "Start", "", map[string]any{"k": "1"})
		h.parked("nudge/gil/1", "reply")
		refused(t, h.update("nudge/gil/1", contract.GoToUpdate, contract.Command{Target: "nowhere"}), `neither a path nor a step "nowhere"`)
		if err := h.update("nudge/gil/1", contract.SkipUpdate, contract.Command{By: "sam", Reason: "phoned"}); err != nil {
			t.Fatal(err)
		}
		h.parked("nudge/gil/1", "last")
		same(t, "mails after skip", h.mail.subjects(address), []string{"Hello gil", "Again"})
		if err := h.update("nudge/gil/1", contract.GoToUpdate, contract.Command{Target: "calm", By: "sam"}); err != nil {
			t.Fatal(err)
		}
		h.parked("nudge/gil/1", "rest")
		if err := h.update("nudge/gil/1", contract.GoToUpdate, contract.Command{Target: "reply"}); err != nil {
			t.Fatal(err)
		}
		h.parked("nudge/gil/1", "reply")
		h.track("gil", "Answered", "", map[string]any{"k": "1"})
		h.parked("nudge/gil/1", "last")
		same(
			t,
			"mails after going back: the second visit is another send",
			h.mail.subjects(address),
			[]string{"Hello gil", "Again", "Again"},
		)
		v := h.state("nudge/gil/1")
		story := strings.Join(v.Story, "\n")
		for _, want := range []string{"skipped", "moved to calm by sam", "phoned"} {
			if !strings.Contains(story, want) {
				t.Errorf("the story lacks %q:\n%s", want, story)
			}
		}
	})

	t.Run("events", func(t *testing.T) {
		t.Parallel()
		h.customer("evi")
		h.track("evi", "Start", "first", map[string]any{"k": "1"})
		h.parked("nudge/evi/1", "pause")
		refused(t, h.update("nudge/evi/1", contract.EventName, contract.Event{Name: "Bought"}), `needs "id" and "name"`)
		refused(t, h.update("nudge/evi/1", contract.EventName, contract.Event{ID: "first", Name: "Bought"}), "taken before")
	})
}

// refused fails unless err is a rejection that contains want.
func refused(t testing.TB, err error, want string) {
	t.Helper()
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || !strings.Contains(app.Message(), want) {
		t.Errorf("got %v, want a rejection that says %q", err, want)
	}
}

// The kill switch: from its commit on the journey sends nothing, whether its enrollments know of it or not; resumed,
// it sends what is due.
func TestPauseJourney(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": lines( // no event, so that a run waits for none that is undelivered
		"journey: nudge", "entry: {event: Start, key: event.k, reentry: {after: 7d}}", "timeout: 60d", "steps:",
		"  - {id: pause, wait: 8h}", "  - {id: hello, send: hello, via: email}", "  - {id: reply, wait: 30d}",
	)})})
	ctx := context.Background()
	deaf, told := h.customer("dea"), h.customer("tom")
	h.track("dea", "Start", "", map[string]any{"k": "1"})
	h.parked("nudge/dea/1", "pause")
	h.stop("relay") // dea's run does not learn of it: the deciding transaction must
	n, err := h.Store.Enrollments.PauseJourney(ctx, clock.Now(h.clock), "nudge", "sam", true)
	if err != nil || n != 1 {
		t.Fatalf("pause: %d enrollments, %v", n, err)
	}
	await(t, "the enrollment notices the pause when it would send", func() error {
		if v := h.state("nudge/dea/1"); !v.Paused || v.Step != "hello" {
			return fmt.Errorf("it is at %q, paused: %v", v.Step, v.Paused)
		}
		return nil
	})
	same(t, "mails of a paused journey", h.mail.subjects(deaf), []string{})
	same(t, "entries of a paused journey", h.track("tom", "Start", "", map[string]any{"k": "1"}).Receipts[0].Entered, []string(nil))

	if _, err = h.Store.Enrollments.PauseJourney(ctx, clock.Now(h.clock), "nudge", "sam", false); err != nil {
		t.Fatal(err)
	}
	h.relay()
	h.parked("nudge/dea/1", "reply")
	same(t, "mails after resume", h.mail.subjects(deaf), []string{"Hello dea"})
	h.track("tom", "Start", "", map[string]any{"k": "2"})
	h.parked("nudge/tom/2", "reply")
	same(t, "who enters after resume", h.mail.subjects(told), []string{"Hello tom"})
}
