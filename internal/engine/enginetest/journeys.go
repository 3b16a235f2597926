package enginetest

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// Cart returns a journey that is entered by Cart Updated, waits for Cart Viewed, and sends a reminder. Its goal is Order Completed.
func Cart(change ...func(*journey.Definition)) *journey.Definition {
	d := &journey.Definition{
		Journey: "cart",
		Entry:   journey.Entry{Events: []string{"Cart Updated"}, Reentry: journey.ReentryAfterExit},
		Goal:    &journey.Goal{Events: []string{"Order Completed"}, When: `event.cart_id == entry.cart_id`},
		Timeout: journey.DefaultTimeout,
		Paths:   []journey.Path{{Name: journey.Main, Start: 0}},
		Steps: []journey.Step{{ID: "response", Kind: "wait_for", Path: journey.Main, Next: 1, Spec: &journey.WaitFor{
			Arms: []journey.EventArm{{Events: []string{"Cart Viewed"}, Then: 1}}, Timeout: time.Hour, OnTimeout: 1}},
			{ID: "nudge", Kind: "send", Path: journey.Main, Next: journey.End, Spec: &journey.Send{
				Message: "reminder", Via: []string{"email"}, Category: journey.Marketing, OnBlocked: journey.End, OnFailure: journey.End}}},
	}
	for _, f := range change {
		f(d)
	}
	return d
}

// Carts returns Cart as the only journey of a release.
func Carts(change ...func(*journey.Definition)) []*journey.Definition {
	return []*journey.Definition{Cart(change...)}
}

func Keyed(d *journey.Definition) { d.Entry.Key = "event.cart_id" }

func Reentry(mode string, after time.Duration) func(*journey.Definition) {
	return func(d *journey.Definition) { d.Entry.Reentry, d.Entry.After = mode, after }
}

func Named(name string) func(*journey.Definition) {
	return func(d *journey.Definition) { d.Journey = name }
}

func Reminder() *journey.Message {
	return &journey.Message{Name: "reminder", Treatments: map[string]journey.Treatment{
		"email": {
			"subject": "Your cart",
			"html":    "<p>Hello</p>",
		}, "push": {"title": "Your cart"}, "sms": {"text": "Your cart"}, "app": {"title": "Your cart"}}}
}

func Content(journeys []*journey.Definition, messages ...*journey.Message) *journey.Content {
	c := &journey.Content{Journeys: map[string]*journey.Definition{}, Messages: map[string]*journey.Message{}}
	for _, d := range journeys {
		c.Journeys[d.Journey] = d
	}
	for _, m := range messages {
		c.Messages[m.Name] = m
	}
	return c
}

// EnteredWhen returns the journey "gold", which is entered when a condition becomes true.
func EnteredWhen(when string, change ...func(*journey.Definition)) *journey.Definition {
	return Cart(append([]func(*journey.Definition){func(d *journey.Definition) {
		d.Journey, d.Goal, d.Entry = "gold", nil, journey.Entry{When: expr.Expr(when), Reentry: journey.ReentryAlways}
	}}, change...)...)
}

// Scheduled returns the journey "digest", which is entered by schedule.
func Scheduled(schedule journey.Schedule, change ...func(*journey.Definition)) *journey.Definition {
	return Cart(append([]func(*journey.Definition){func(d *journey.Definition) {
		d.Journey, d.Goal, d.Entry = "digest", nil, journey.Entry{Schedule: &schedule, Reentry: journey.ReentryAlways}
	}}, change...)...)
}

// EveryDay returns a daily schedule; an empty zone means the customer's own.
func EveryDay(at localtime.Time, zone string) journey.Schedule {
	return journey.Schedule{At: at, Timezone: zone}
}
