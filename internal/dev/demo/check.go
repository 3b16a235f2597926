package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// check compares the result with what must happen: the outcomes in Temporal, every mail and push, each once.
func (w *player) check(ctx context.Context, temporal string) error {
	var wrong []error
	hold := func(ok bool, format string, args ...any) {
		w.checks++
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	decrypting := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), &codec.Remote{URL: w.gateway}) // dev encrypts
	c, err := client.DialContext(ctx, client.Options{HostPort: temporal, Logger: quiet{}, DataConverter: decrypting})
	if err != nil {
		return fmt.Errorf("cannot reach Temporal at %s: %w", temporal, err)
	}
	defer c.Close()
	for _, run := range runs {
		var result contract.Result
		err := c.GetWorkflow(ctx, run.workflow, "").Get(ctx, &result)
		hold(
			err == nil && result.Outcome == run.outcome,
			"%s: Temporal says outcome %q (%v), want %q",
			run.workflow,
			result.Outcome,
			err,
			run.outcome,
		)
		s, err := w.status(ctx, run.workflow)
		hold(
			err == nil && s.Enrollment.Outcome == run.outcome && s.Enrollment.State == "closed",
			"%s: the store says %s, %q (%v), want %q",
			run.workflow,
			s.Enrollment.State,
			s.Enrollment.Outcome,
			err,
			run.outcome,
		)
	}

	mails, err := w.mails(ctx)
	hold(err == nil, "the mails cannot be read: %v", err)
	want := map[string]string{ // subject → recipient
		"2 items are waiting":            "ana@example.com",
		"Your coupons end on 2026-03-06": "ana@example.com",
		"This should not have happened":  "ben@example.com", // with empathy: the policy knows that something went wrong
		"Your refund is on its way":      "ben@example.com",
		"10 % off your cart":             "chie@example.com",
	}
	hold(len(mails) == len(want), "%d mails, want %d", len(mails), len(want))
	keys := map[string]bool{}
	for _, m := range mails {
		hold(want[m.Subject] == strings.Join(m.To, ","), "a mail %q to %v", m.Subject, m.To)
		hold(m.Key != "" && !keys[m.Key], "mail %q has no ledger key of its own", m.Subject)
		keys[m.Key] = true
		marketing := !strings.Contains(m.Subject, "should not") && !strings.Contains(m.Subject, "refund")
		hold(
			marketing == (m.Headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"),
			"mail %q: List-Unsubscribe-Post is %q",
			m.Subject,
			m.Headers["List-Unsubscribe-Post"],
		)
		if strings.HasPrefix(m.Subject, "2 items") {
			hold(strings.Contains(m.HTML, "Rug &lt;3"), "values in html are not escaped: %s", m.HTML)
			hold(strings.Contains(m.Text, "Hello Ana"), "the text part made from html lacks the greeting: %s", m.Text)
		}
	}
	pushes, err := w.pushes(ctx)
	hold(err == nil && len(pushes) == 1, "%d pushes (%v), want 1", len(pushes), err)
	for user, want := range map[string][][]string{"chie": {{"ご用件をどうぞ"}}, "dora": {{"Thank you for staying"}, offers}} { // newest first
		all, err := w.messages(ctx, user)
		var titles []string
		fits := err == nil && len(all) == len(want)
		for i, m := range all {
			titles = append(titles, m.Title)
			fits = fits && slices.Contains(want[i], m.Title)
		}
		hold(fits, "the app shows %s %q (%v), want of each %q", user, titles, err, want)
	}
	return errors.Join(wrong...)
}

// quiet is a logger of the SDK that logs nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
