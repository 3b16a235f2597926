package activities

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// govern publishes the journey again, with a contact policy and a message in tones.
func (b *bundle) govern(policy string) {
	b.t.Helper()
	const message = `message: hello
email: {subject: "Hello, {{ intent.complaint }}", html: <p>Hello</p>}
push: {title: Hello, body: you}
tones:
  empathetic: {email: {subject: We are sorry}}
  festive: {email: {subject: Hooray}}
languages:
  ja: {email: {html: <p>こんにちは</p>}}
`
	const intents = `intents:
  complaint: {half_life: 7d, evidence: [{event: Complaint Made, weight: 1}]}
`
	content, problems := lint.Check([]lint.File{
		{Name: "news.yaml", Data: []byte(newsJourney)}, {Name: "messages/hello.yaml", Data: []byte(message)},
		{Name: "intents.yaml", Data: []byte(intents)}, {Name: "policy.yaml", Data: []byte(policy)},
	}, lint.Options{Channels: channels.Shipped().Specs()})
	if problems.Failed(false) {
		b.t.Fatal(problems)
	}
	if _, err := b.store.Catalog.Publish(b.t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), content); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) mail(change func(*contract.Send)) contract.SendResult {
	b.t.Helper()
	in := b.order(journey.Marketing)
	in.Spec.Via = []string{"email"}
	if change != nil {
		change(&in)
	}
	got, err := b.activities.Send(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

func TestTones(t *testing.T) {
	const policy = `tone: [{when: customer.upset, use: empathetic}]`
	for _, c := range []struct {
		name   string
		traits map[string]any
		tone   string // the step's
		want   string
		in     string // the tone that the ledger keeps
	}{
		{"plain", nil, "", "Hello, 0", ""},
		{"the policy's", map[string]any{"upset": true}, "", "We are sorry", "empathetic"},
		{"the step's beats it", map[string]any{"upset": true}, "festive", "Hooray", "festive"},
		{"the step's alone", nil, "festive", "Hooray", "festive"},
		{"a tone that the message does not have", nil, "solemn", "Hello, 0", "solemn"},
		{"with a language over it", map[string]any{"upset": true, "language": "ja"}, "", "We are sorry", "empathetic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t, c.traits)
			b.govern(policy)
			b.mail(func(in *contract.Send) { in.Spec.Tone = c.tone })
			if got := b.email.Sent()[0].Fields["subject"]; got != c.want {
				t.Errorf("subject %q, want %q", got, c.want)
			}
			if got := b.contact().Tone; got != c.in {
				t.Errorf("tone %q, want %q", got, c.in)
			}
			if c.traits["language"] == "ja" && !strings.HasPrefix(b.email.Sent()[0].Fields["html"], "<p>こんにちは</p>") {
				t.Errorf("html %q", b.email.Sent()[0].Fields["html"])
			}
		})
	}
}

func TestStoredContentOfASend(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(strconv.FormatBool(keep), func(t *testing.T) {
			b := setup(t, nil)
			b.mail(func(in *contract.Send) { in.Keep = keep })
			row := b.contact()
			if keep != (row.Said["subject"] == "Hello Ana" && row.Said["html"] != "") {
				t.Errorf("kept: %v", row.Said)
			}
			if diff := cmp.Diff([]decisioning.ChannelVerdict{{Channel: "email"}}, row.Tried); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASendInQuietHours(t *testing.T) {
	b := setup(t, map[string]any{"timezone": "Asia/Tokyo"})
	b.govern(`quiet_hours: {from: "21:00", to: "08:00"}`)
	now := time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC)
	b.activities.cfg.Now = func(clock.Clock) time.Time { return now }
	got := b.mail(nil)
	if diff := cmp.Diff(contract.SendResult{Status: contract.StatusHeld, Reason: decisioning.QuietHours, Until: now.Add(10 * time.Hour)},
		got); diff != "" {
		t.Error(diff)
	}
	if len(b.email.Sent()) != 0 {
		t.Error("it went out")
	}
	now = now.Add(10 * time.Hour)
	if got := b.mail(nil); got.Status != contract.StatusSent || b.contact().Attempts != 1 {
		t.Errorf("%+v", got)
	}
}

// A send whose repeats have ended by night is over, not held.
func TestGivingUpInQuietHours(t *testing.T) {
	b := setup(t, map[string]any{"timezone": "Asia/Tokyo"})
	b.govern(`quiet_hours: {from: "21:00", to: "08:00"}`)
	now := time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC)
	b.activities.cfg.Now = func(clock.Clock) time.Time { return now }
	b.email.Answer(channel.Receipt{Outcome: channel.NotSent, Reason: "451 later"})
	if got := b.mail(nil); got.Status != contract.StatusRetry {
		t.Fatal(got)
	}
	now = now.Add(3 * time.Hour)
	got := b.mail(func(in *contract.Send) { in.GiveUp = contract.RetriesEnded })
	if diff := cmp.Diff(contract.SendResult{Status: contract.StatusFailed, Reason: contract.RetriesEnded, Channel: "email"},
		got); diff != "" {
		t.Error(diff)
	}
}
