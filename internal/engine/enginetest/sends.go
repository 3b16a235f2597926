package enginetest

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Traits of a customer who can be reached by e-mail only, by push only, or not at all for lack of consent.
var (
	ByEmail   = Props{"email": "a@example.com", "push_token": nil, "consent": Props{"marketing": true}}
	ByPush    = Props{"email": nil, "push_token": "t1", "consent": Props{"marketing": true}}
	NoConsent = Props{"email": "a@example.com", "consent": Props{"marketing": false}}
)

// NewSend returns the input of a send step: the message "reminder" by email or push, marketing on the topic "news".
func (s *Suite) NewSend(e unit.Enrollment, key string) contract.Send {
	return contract.Send{Ref: Ref(e), EvalContext: contract.EvalContext{EntryEvent: e.EntryEvent}, Key: key, Step: "nudge", Visit: 1,
		Spec: journey.Send{Message: "reminder", Via: []string{"email", "push"}, Category: journey.Marketing, Topic: "news"}}
}

// SetTraits sets traits of the customer without an event.
func (s *Suite) SetTraits(customerID string, traits Props) {
	s.T.Helper()
	s.Must(s.Customers.SetTraits(s.Ctx, Noon, customerID, traits))
}

// TryReserve sets traits of the customer, and reserves a send for a minute from a wall time.
func (s *Suite) TryReserve(at time.Time, in contract.Send, traits Props) (message.Reservation, error) {
	s.T.Helper()
	s.SetTraits(s.Enrollment(in.Enrollment).Customer, traits)
	return s.Messages.Reserve(s.Ctx, Noon, at, in, time.Minute)
}

// Reserve is TryReserve with NewSend, and fails the test on an error.
func (s *Suite) Reserve(e unit.Enrollment, key string, at time.Time, traits Props) message.Reservation {
	s.T.Helper()
	r, err := s.TryReserve(at, s.NewSend(e, key), traits)
	s.Must(err)
	return r
}

// SendOf returns the send with a key.
func (s *Suite) SendOf(key string) message.Send {
	s.T.Helper()
	all, err := s.Messages.Sends(s.Ctx, message.SendFilter{})
	s.Must(err)
	for _, c := range all {
		if c.Key == key {
			return c
		}
	}
	s.T.Fatalf("there is no send %s", key)
	return message.Send{}
}
