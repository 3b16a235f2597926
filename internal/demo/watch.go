package main

import (
	"context"
	"net/url"
	"time"
)

// status is what the admin API tells of an instance.
type status struct {
	Enrolment struct {
		Entered time.Time `json:"entered_at"`
		State   string    `json:"state"`
		Outcome string    `json:"outcome"`
		Reason  string    `json:"reason"`
		Step    string    `json:"step"`
		Kind    string    `json:"step_kind"`
		Until   time.Time `json:"until"`
	} `json:"enrolment"`
	Contacts []struct {
		Key     string `json:"key"`
		Message string `json:"message"`
		Channel string `json:"channel"`
		Status  string `json:"status"`
		Reason  string `json:"reason"`
	} `json:"contacts"`
}

func (w *world) status(ctx context.Context, workflow string) (s status, err error) {
	return s, w.get(ctx, "/v1/admin/status?workflow_id="+url.QueryEscape(workflow), &s)
}

// watch tells what the instances do, as they do it.
func (w *world) watch(ctx context.Context) {
	type seen struct {
		step, outcome string
		contacts      map[string]string
	}
	last := map[string]*seen{}
	for ctx.Err() == nil {
		for _, run := range runs {
			s, err := w.status(ctx, run.workflow)
			if err != nil {
				continue // not entered yet
			}
			before := last[run.workflow]
			if before == nil {
				before = &seen{contacts: map[string]string{}}
				last[run.workflow] = before
				w.set(s.Enrolment.Entered)
				w.tell("%-5s ▶ enters %s", run.customer, run.journey)
			}
			for i := len(s.Contacts) - 1; i >= 0; i-- {
				c := s.Contacts[i]
				if before.contacts[c.Key] == c.Status || c.Status == "sending" {
					continue
				}
				before.contacts[c.Key] = c.Status
				w.tell("%-5s ✉ %s: %s %s %s", run.customer, c.Message, c.Status, words("by", c.Channel), words("because", c.Reason))
			}
			if e := s.Enrolment; e.Outcome != "" && before.outcome == "" {
				before.outcome = e.Outcome
				w.tell("%-5s ■ %s ended: %s (%s)", run.customer, run.journey, e.Outcome, e.Reason)
			} else if e.Outcome == "" && e.Step != "" && e.Step != before.step {
				before.step = e.Step
				until := ""
				if !e.Until.IsZero() {
					until = "until " + e.Until.Format("Mon 15:04")
				}
				w.tell("%-5s … waits at %s of %s %s", run.customer, e.Step, run.journey, until)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// words puts a word before what there is.
func words(word, what string) string {
	if what == "" {
		return ""
	}
	return word + " " + what
}
