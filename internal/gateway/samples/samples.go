// Package samples returns what a message sees of a customer, without a send: for previews and test sends.
package samples

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Rooms are those that know a customer.
type Rooms struct {
	Customers   Customers
	Enrollments Enrollments
	Intents     Intents
}

// Customers has profiles and events.
type Customers interface {
	Get(ctx context.Context, id string) (customer.Customer, error)
	EventProperties(ctx context.Context, id string) (map[string]any, error)
}

// Enrollments has a customer's enrollments.
type Enrollments interface {
	List(ctx context.Context, f enrollment.Filter) ([]unit.Enrollment, error)
}

// Intents has customers' intents.
type Intents interface {
	Scores(ctx context.Context, now time.Time, customer string) ([]intent.CustomerIntent, error)
}

// Vars returns the variables of a customer: profile, intents, and the entry of their latest enrollment in a journey that sends the
// message, if there was one. A customer who is unknown is sqldb.ErrNotFound.
func Vars(ctx context.Context, rooms Rooms, now time.Time, content *journey.Content, message, id string) (expr.Vars, error) {
	c, err := rooms.Customers.Get(ctx, id)
	if err != nil {
		return expr.Vars{}, err
	}
	v := expr.Vars{Customer: unit.TraitsOf(c.ID, c.Traits), Intent: map[string]float64{}, Now: now}
	scores, err := rooms.Intents.Scores(ctx, now, c.ID)
	if err != nil {
		return expr.Vars{}, err
	}
	for _, s := range scores {
		v.Intent[s.Intent] = s.Score
	}
	latest := unit.Enrollment{}
	for name, d := range content.Journeys {
		if !says(d, message) {
			continue
		}
		list, err := rooms.Enrollments.List(ctx, enrollment.Filter{Journey: name, Customer: c.ID, Newest: true, Limit: 1})
		if err != nil {
			return expr.Vars{}, err
		}
		for _, e := range list {
			if e.EntryEvent != "" && e.EnteredAt.After(latest.EnteredAt) {
				latest = e
			}
		}
	}
	if latest.EntryEvent != "" {
		v.Entry, err = rooms.Customers.EventProperties(ctx, latest.EntryEvent)
	}
	return v, err
}

// says reports whether a journey can send a message.
func says(d *journey.Definition, message string) bool {
	for i := range d.Steps {
		for _, m := range d.Steps[i].Describe().Messages {
			if m.Message == message {
				return true
			}
		}
	}
	return false
}
