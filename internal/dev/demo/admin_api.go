package main

import (
	"context"
	"net/url"

	"github.com/tabi-journeys/tabi/internal/api"
)

// status returns an enrollment from the admin API.
func (w *player) status(ctx context.Context, workflow string) (s api.Status, err error) {
	return s, w.get(ctx, "/v1/admin/enrollments/"+url.PathEscape(workflow), &s)
}

// progress is what has been printed about an enrollment.
type progress struct {
	step, outcome string
	contacts      map[string]string // by ledger key: the status that was printed
}

// look prints what the enrollments have done since the last look.
func (w *player) look(ctx context.Context) {
	for _, run := range runs {
		s, err := w.status(ctx, run.workflow)
		if err != nil {
			continue // not enrolled yet
		}
		before := w.seen[run.workflow]
		if before == nil {
			before = &progress{contacts: map[string]string{}}
			w.seen[run.workflow] = before
			w.set(s.Enrollment.EnteredAt)
			w.tell("%-5s ▶ enters %s", run.customer, run.journey)
		}
		for i := len(s.Sends) - 1; i >= 0; i-- {
			c := s.Sends[i]
			if before.contacts[c.Key] == c.Status || c.Status == "sending" {
				continue
			}
			before.contacts[c.Key] = c.Status
			w.tell("%-5s ✉ %s: %s%s%s", run.customer, c.Message, c.Status, words("by", c.Channel), words("due to", c.Reason))
		}
		e := s.Enrollment
		switch {
		case e.Outcome != "" && before.outcome == "":
			before.outcome = e.Outcome
			w.tell("%-5s ■ %s ended: %s (%s)", run.customer, run.journey, e.Outcome, e.Reason)
		case e.Outcome == "" && e.Step != "" && e.Step != before.step:
			before.step = e.Step
			until := ""
			if !e.Until.IsZero() {
				until = ", until " + w.at(e.Until)
			}
			if e.StepKind == "handoff" {
				w.tell("%-5s ☎ %s hands over to a person%s", run.customer, run.journey, until)
				continue
			}
			w.tell("%-5s … %s waits at %s%s", run.customer, run.journey, e.Step, until)
		}
	}
}

// toldSent reports whether the send with this ledger key was printed.
func (w *player) toldSent(key string) bool {
	for _, s := range w.seen {
		if s.contacts[key] == "sent" {
			return true
		}
	}
	return false
}

// told reports whether the end of every enrollment was printed.
func (w *player) told() bool {
	for _, run := range runs {
		if s := w.seen[run.workflow]; s == nil || s.outcome == "" {
			return false
		}
	}
	return true
}

// words returns text after a word, or nothing where text is empty.
func words(word, what string) string {
	if what == "" {
		return ""
	}
	return " " + word + " " + what
}
