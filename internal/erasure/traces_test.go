package erasure_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// TestTracesOfForgottenCustomerAreGone: what names a customer in places that are not the customer's rows.
func TestTracesOfForgottenCustomerAreGone(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		publish(s)
		s.Units.Channels = enginetest.Channels
		s.Ingest(enginetest.Noon, s.Identify("zaphod", enginetest.Props{"email": "before@zaphod.example", "phone": "+49 30 1234567"}))
		s.Ingest(enginetest.Noon, s.Track("zaphod", "Email Bounced", enginetest.Props{"type": "hard", "email": "before@zaphod.example"}))
		s.Ingest(enginetest.Noon, s.Identify("zaphod", enginetest.Props{"email": "today@zaphod.example"}))
		s.Ingest(enginetest.Noon, s.Track("zaphod", "Cart Updated", nil))
		e := s.OpenAt("cart/zaphod")
		agrees := enginetest.Props{"consent": enginetest.Props{"marketing": true}}
		reserved := s.Reserve(e, e.ID+"/send", enginetest.Noon, agrees)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, reserved,
			message.Settlement{Status: contract.StatusFailed, Reason: "+49301234567"}))
		s.Ingest(enginetest.Noon, s.Track("zaphod", "Unsubscribed", enginetest.Props{"channel": "email", "email": "named@zaphod.example"}))
		_, err := s.Rejections.Keep(s.Ctx, enginetest.Noon, []rejection.Call{
			{Door: "http", Code: "bad_value", Field: "userId", Payload: `{"userId":"ZAPHOD"}`},
			{Door: "http", Code: "bad_value", Payload: `{"email":"Today@Zaphod.Example"}`},
			{Door: "http", Code: "bad_value", Payload: `{"phone":"+49301234567"}`},
		})
		s.Must(err)
		s.Must(s.Audit.Record(s.Ctx, audit.Entry{What: "customer.read", Customer: "zaphod"}))

		forget(s, "zaphod")
		late := func() {
			_, err = s.Rejections.Keep(s.Ctx, enginetest.Noon, []rejection.Call{
				{Door: "http", Code: "bad_value", Field: "batch[0].properties.zaphod", Message: "zaphod", Payload: `{"userId":"zaphod"}`},
				{Door: "http", Code: "bad_value", Payload: `{"batch":[{"traits":{"email":"Before@zaphod.example"}}]}`},
				{Door: "http", Code: "bad_value", Payload: `{"userId":"ben"}`},
			})
			s.Must(err)
			for _, entry := range []audit.Entry{
				{What: "customer.read", Customer: "zaphod", Result: audit.Refused, Reason: "not_found"},
				{What: "enrollment.read", Kind: "enrollment", ID: "cart/zaphod/k1"},
				{What: "enrollment.list", Detail: audit.Detail{"customer": "zaphod"}},
			} {
				s.Must(s.Audit.Record(s.Ctx, entry))
			}
		}
		late()
		for _, text := range []string{"zaphod", "1234567"} {
			for _, row := range containing(rows(s), text) {
				t.Errorf("left: %s", row)
			}
		}
		calls, err := s.Rejections.List(s.Ctx, rejection.Filter{})
		s.Must(err)
		s.Equal(len(calls), 3)
		s.Equal(calls[2].Field, "batch[0].properties")
		v, err := s.Audit.Verify(s.Ctx)
		s.Must(err)
		s.Equal(len(v.Problems), 0)
		s.Ingest(enginetest.Noon, s.Identify("ben", enginetest.Props{"email": "named@zaphod.example"}))
		s.Equal(s.Customer("ben").OptedOut, []string{"named@zaphod.example"})
	})
}

// TestFileHasNothingOfForgottenCustomer: neither free pages nor the write-ahead log of a SQLite file have what was erased.
func TestFileHasNothingOfForgottenCustomer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tabi.db")
	s := enginetest.New(t, file)
	publish(s)
	fill(s, "zaphod")
	s.Ingest(enginetest.Noon, s.Track("zaphod", "Essay Written", enginetest.Props{"text": strings.Repeat("zaphod writes. ", 2000)}))
	forget(s, "zaphod")
	for _, name := range []string{file, file + "-wal"} {
		raw, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		text := strings.ToLower(string(raw))
		if i := strings.Index(text, "zaphod"); i >= 0 {
			t.Errorf("%s has %d times: %q", filepath.Base(name), strings.Count(text, "zaphod"), text[max(i-60, 0):min(i+60, len(text))])
		}
	}
}

// TestOldVisitorRefusesNothing: nobody asked when a visitor's profile becomes old, so its mailbox still gets what others consent to.
func TestOldVisitorRefusesNothing(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		visit := s.Identify("", enginetest.Props{"email": "ana@example.com"})
		visit.AnonymousID = "a7"
		s.Ingest(enginetest.Noon, visit, s.Identify("ana", enginetest.Props{"email": "ana@example.com"}))
		dropped, err := s.Erasure.DropVisitor(s.Ctx, enginetest.Noon.Add(400*24*time.Hour), "anon:a7")
		s.Must(err)
		s.Equal(dropped, true)
		s.Equal(len(s.Customer("ana").OptedOut), 0)
	})
}
