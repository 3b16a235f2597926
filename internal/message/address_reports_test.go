package message_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// mailed sends a mail and settles it.
func (s *suite) mailed(e unit.Enrollment, key, to string, at time.Time) {
	s.T.Helper()
	s.SetTraits(e.Customer, enginetest.Props{"email": to})
	r, err := s.Messages.Reserve(s.Ctx, at, enginetest.Wall, s.NewSend(e, key), time.Minute)
	s.Must(err)
	if r.Done != nil {
		s.T.Fatalf("%s: %+v", key, r.Done)
	}
	s.settle(r, at, contract.StatusSent)
}

// reason returns why a marketing mail to a customer would be suppressed; empty if it would be sent.
func (s *suite) reason(e unit.Enrollment, key, to string) string {
	s.T.Helper()
	s.SetTraits(e.Customer, enginetest.Props{"email": to, "push_token": nil})
	r, err := s.Messages.Reserve(s.Ctx, enginetest.Noon.Add(time.Hour), enginetest.Wall, s.NewSend(e, key), time.Minute)
	s.Must(err)
	if r.Done == nil {
		s.settle(r, enginetest.Noon.Add(time.Hour), contract.StatusFailed)
		return ""
	}
	return r.Done.Reason
}

// A bounce kills the address of the send, and a success of a later send revives it.
func TestBouncesAreKeptWithTheAddress(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.EnterCart("ana")
		noon := enginetest.Noon
		s.mailed(e, "k1", "Old@Example.com", noon)
		s.mailed(e, "k2", "old@example.com", noon.Add(time.Minute))
		s.mailed(e, "k3", "new@example.com", noon.Add(2*time.Minute))
		s.Equal(s.SendOf("k1").Addresses, []string{"old@example.com"})
		report := func(name string, p enginetest.Props) []string {
			return s.Ingest(noon.Add(3*time.Minute), s.Track("ana", name, p))[0].Warnings
		}
		s.Equal(report("Email Bounced", enginetest.Props{"key": "k1", "type": "hard"}), []string(nil))
		s.Equal(s.reason(e, "r1", "new@example.com"), "")
		s.Equal(s.reason(e, "r2", "OLD@example.com"), "BOUNCED")
		bea := s.EnterCart("bea")
		s.Equal(s.reason(bea, "r3", "old@example.com "), "BOUNCED")
		report("Email Opened", enginetest.Props{"key": "k1"})
		s.Equal(s.reason(bea, "r4", "old@example.com"), "BOUNCED")
		report("Email Delivered", enginetest.Props{"key": "k2"})
		s.Equal(s.reason(bea, "r5", "old@example.com"), "")
		known, err := s.Customers.KnownAddresses(s.Ctx, customer.AddressFilter{State: customer.AddressRevived,
			Address: "OLD@example.com"})
		s.Must(err)
		s.Equal([]any{len(known), known[0].Address, known[0].RevivedBy, known[0].Dead},
			[]any{1, "old@example.com", "Email Delivered", false})
		report("Email Bounced", enginetest.Props{"key": "k2", "type": "hard"})
		n, err := s.Customers.Revive(s.Ctx, noon, "", "old@EXAMPLE.com", "mia")
		s.Must(err)
		s.Equal([]any{n, s.reason(bea, "r6", "old@example.com")}, []any{1, ""})
	})
}

// An opt-out by a mail ends marketing to the mailbox, for every customer who has it, until one of them opts in again.
func TestOptOutsAreKeptWithTheMailbox(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		noon := enginetest.Noon
		ana, twin := s.EnterCart("ana"), s.EnterCart("twin")
		s.mailed(ana, "k1", "ana@example.com", noon)
		s.Ingest(noon, s.Track("ana", "Email Marked as Spam", enginetest.Props{"key": "k1"}))
		s.Equal(s.reason(twin, "t1", "Ana@example.com"), "NO_CONSENT")
		s.Ingest(noon.Add(time.Second), s.Identify("twin", enginetest.Props{"consent": enginetest.Props{"marketing": true}}))
		s.Equal(s.reason(twin, "t2", "Ana@example.com"), "NO_CONSENT")
		receipt := s.NewSend(twin, "receipt")
		receipt.Spec.Category = journey.Transactional
		r, err := s.Messages.Reserve(s.Ctx, noon, enginetest.Wall, receipt, time.Minute)
		s.Must(err)
		s.Equal(r.Verdict.Channel, "email")
		s.Ingest(noon.Add(2*time.Second), s.Identify("ana",
			enginetest.Props{"consent": enginetest.Props{"marketing": true, "email": true}}))
		s.Equal(s.reason(twin, "t3", "Ana@example.com"), "")
		s.Ingest(noon.Add(3*time.Second), s.Track("ana", "Unsubscribed", enginetest.Props{}))
		s.Equal(s.reason(twin, "t4", "ana@example.com"), "NO_CONSENT")
		s.Ingest(noon.Add(4*time.Second), s.Track("twin", "Marketing Opted In", enginetest.Props{}))
		s.Equal(s.reason(twin, "t5", "ana@example.com"), "")
	})
}

// Why no address could be used is in the ledger, without the address.
func TestUnusableAddressesAreNamed(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.EnterCart("ana")
		s.Equal(s.reason(e, "k1", "ana@example.com, bea@example.com"), "NO_ADDRESS")
		row := s.SendOf("k1")
		s.Equal(row.Why(), "email: NO_ADDRESS, an… (32 characters) is not a mail address: more than one address is in the text, or it "+
			"has two @; "+
			"push: NO_ADDRESS")
		s.SetTraits("ana", enginetest.Props{"email": nil, "push_token": []any{"", "t1", "undefined", []any{"t1", "t2"}}})
		r, err := s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, s.NewSend(e, "k2"), time.Minute)
		s.Must(err)
		s.Equal(r.Verdict.Addresses, []string{"t1", "t2"})
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{
			Status: contract.StatusSent, Gone: []string{"t1"}, GoneReason: "FCM: 404 UNREGISTERED",
		}))
		r, err = s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, s.NewSend(e, "k3"), time.Minute)
		s.Must(err)
		s.Equal(r.Verdict.Addresses, []string{"t2"})
		s.Equal(s.Customer("ana").Bounced, map[string]string{"t1": "FCM: 404 UNREGISTERED"})
	})
}

// What a customer writes by WhatsApp is kept with the number that they wrote from, and a send to that number knows it.
func TestSendsKnowWhenTheNumberWrote(t *testing.T) {
	each(t, func(s *suite) {
		with, err := engine.Open(s.Ctx, engine.Options{URL: s.URL, Channels: append(slices.Clone(enginetest.Channels),
			channel.Spec{Name: "whatsapp", Address: "phone", Sessions: true})})
		s.Must(err)
		s.T.Cleanup(func() { _ = with.Close() })
		s.Engine = with
		m := enginetest.Reminder()
		m.Treatments["whatsapp"] = journey.Treatment{"template": "a", "language": "en", "text": "b"}
		s.Publish([]*journey.Definition{enginetest.Cart()}, m)
		noon := enginetest.Noon
		ana, bea := s.EnterCart("ana"), s.EnterCart("bea")
		wrote := func(e unit.Enrollment, key string, after time.Duration, phone any) any {
			s.T.Helper()
			s.SetTraits(e.Customer, enginetest.Props{"phone": phone, "consent": enginetest.Props{"marketing": true}})
			in := s.NewSend(e, key)
			in.Spec.Via = []string{"whatsapp"}
			r, err := s.Messages.Reserve(s.Ctx, noon.Add(after), enginetest.Wall, in, time.Minute)
			s.Must(err)
			if r.Done != nil || len(r.Verdict.Addresses) != 1 {
				s.T.Fatalf("%s: %+v", key, r.Done)
			}
			s.settle(r, noon.Add(after), contract.StatusFailed)
			at, ok := r.Verdict.Wrote[r.Verdict.Addresses[0]]
			if !ok {
				return "never"
			}
			return noon.Add(after).Sub(at).String()
		}
		says := func(who, channel, address string, after time.Duration) {
			s.T.Helper()
			said := enginetest.Props{"channel": channel, "text": "Hi", "address": address}
			s.Ingest(noon.Add(after), s.Track(who, "Message Received", said))
		}
		const one, two = "+819011111111", "+819022222222"
		s.Equal(wrote(ana, "k1", 0, one), "never")
		says("ana", "sms", one, time.Minute)
		s.Equal(wrote(ana, "k2", time.Minute, one), "never")
		says("ana", "whatsapp", "", time.Minute) // it has one number
		s.Equal(wrote(ana, "k3", time.Hour, one), "59m0s")
		s.Equal(wrote(bea, "k4", time.Hour, one), "59m0s") // who shares the phone
		says("bea", "whatsapp", two, 2*time.Hour)          // not a number of hers
		s.Equal(wrote(ana, "k5", 2*time.Hour, []any{two, one}), "never")
		says("ana", "whatsapp", "", 2*time.Hour) // from one of two
		s.Equal(wrote(ana, "k6", 2*time.Hour, []any{two, one}), "never")
		says("ana", "whatsapp", "+81 90-2222-2222", 3*time.Hour)
		s.Equal(wrote(ana, "k7", 3*time.Hour, []any{two, one}), "0s")
		s.Equal(wrote(ana, "k8", 28*time.Hour, []any{two, one}), "25h0m0s")
	})
}
