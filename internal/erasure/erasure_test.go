package erasure_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/erasure"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// rows returns the rows of all tables, each with its table and in words.
func rows(s *enginetest.Suite) (out []string) {
	s.T.Helper()
	list := `select name from sqlite_master where type = 'table'`
	if strings.HasPrefix(s.URL, "postgres") {
		list = `select tablename from pg_tables where schemaname = current_schema()`
	}
	var tables []string
	s.Must(sqldb.Rows(s.Ctx, s.Database.Reader, func(r *sql.Rows) error {
		var name string
		defer func() { tables = append(tables, name) }()
		return r.Scan(&name)
	}, list))
	for _, table := range tables {
		s.Must(sqldb.Rows(s.Ctx, s.Database.Reader, func(r *sql.Rows) error {
			columns, err := r.Columns()
			if err != nil {
				return err
			}
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for n := range values {
				into[n] = &values[n]
			}
			err = r.Scan(into...)
			out = append(out, fmt.Sprintf("%s: %s", table, values))
			return err
		}, "select * from "+table))
	}
	return out
}

// containing returns the rows that have a text.
func containing(rows []string, text string) (out []string) {
	for _, row := range rows {
		if strings.Contains(strings.ToLower(row), text) {
			out = append(out, row)
		}
	}
	return out
}

func publish(s *enginetest.Suite) {
	s.PublishOffers(func(c *journey.Content) {
		c.Intents = map[string]*journey.Intent{"books": {
			Name: "books", HalfLife: 30 * 24 * time.Hour, Evidence: []journey.Evidence{{Events: []string{"Cart Updated"}, Weight: 0.1}},
		}}
	})
}

// fill makes a customer that has rows in every table: an id that is merged, a device, an enrollment with all that belongs to it.
// Every text of the customer contains name.
func fill(s *enginetest.Suite, name string) unit.Enrollment {
	s.T.Helper()
	call := func(c customer.SegmentCall) {
		s.T.Helper()
		s.N++
		c.MessageID = fmt.Sprintf("%s-%d", name, s.N)
		s.Ingest(enginetest.Noon, c)
	}
	device := name + "-device"
	call(customer.SegmentCall{Type: "identify", AnonymousID: device, Traits: enginetest.Props{"email": name + "@example.com"}})
	call(customer.SegmentCall{Type: "track", AnonymousID: device, Event: "Cart Updated", Properties: enginetest.Props{"of": name}})
	call(customer.SegmentCall{Type: "identify", UserID: name + "-old", AnonymousID: device,
		Traits: enginetest.Props{"timezone": "Asia/Tokyo", "phone": "+49 30 1234567"}})
	call(customer.SegmentCall{Type: "alias", UserID: name, PreviousID: name + "-old"})
	e := s.OpenAt("cart/anon:" + device)
	s.Equal(e.Customer, name)
	s.Decide(s.NewDecide(e, e.ID+"/decision"), enginetest.Noon)
	s.DecideAndSend(e, e.ID+"/offer", enginetest.Noon)
	s.OpenHandoff(e, e.ID+"/handoff", "high", enginetest.Noon)
	_, err := s.TryReserve(enginetest.Noon, s.NewSend(e, e.ID+"/send"), enginetest.Props{})
	s.Must(err)
	_, err = s.Offers.DecideInbound(s.Ctx, enginetest.Noon, offer.Inbound{UserID: name, Group: "offers", RequestID: name + "-asks"})
	s.Must(err)
	call(customer.SegmentCall{Type: "track", UserID: name, Event: "Unsubscribed",
		Properties: enginetest.Props{"channel": "email", "email": name + "@example.com"}})
	s.Must(s.Intake.SetIntents(s.Ctx, enginetest.Noon, name, map[string]float64{"books": 0.5}))
	_, err = s.Rejections.Keep(s.Ctx, enginetest.Noon, []rejection.Call{{Door: "http", Code: "bad_value", Field: "properties",
		Message: "no", Payload: `{"userId":"` + name + `","event":1}`}})
	s.Must(err)
	return e
}

// forget forgets a customer as the workflow does, with its runs closed at once.
func forget(s *enginetest.Suite, id string) erasure.Request {
	s.T.Helper()
	r, err := s.Erasure.Start(s.Ctx, enginetest.Noon, id, "ticket 12", "sam", false)
	s.Must(err)
	finish(s, r.ID)
	done, err := s.Erasure.Get(s.Ctx, r.ID)
	s.Must(err)
	return done
}

func finish(s *enginetest.Suite, request string) {
	s.T.Helper()
	for after, first := "", true; first || after != ""; first = false {
		next, err := s.Erasure.End(s.Ctx, enginetest.Noon, request, after)
		s.Must(err)
		after = next
	}
	open, err := s.Erasure.OpenEnrollments(s.Ctx, request)
	s.Must(err)
	for _, e := range open {
		s.Must(s.Erasure.CloseEnrollment(s.Ctx, enginetest.Noon, request, e.ID))
	}
	s.Must(s.Erasure.Delete(s.Ctx, enginetest.Noon, request))
	for more := true; more; {
		more, err = s.Erasure.Erase(s.Ctx, enginetest.Noon, request)
		s.Must(err)
	}
}

// TestForgottenCustomerIsNowhere: no table has anything of a customer who was forgotten, nothing of others is gone, and the report
// names every table.
func TestForgottenCustomerIsNowhere(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		publish(s)
		fill(s, "trillian")
		others := len(containing(rows(s), "trillian"))
		before, err := s.Analytics.Numbers(s.Ctx, enginetest.Noon, "cart")
		s.Must(err)
		e := fill(s, "zaphod")
		tables := map[string]bool{}
		for _, row := range containing(rows(s), "zaphod") {
			table, _, _ := strings.Cut(row, ":")
			tables[table] = true
		}
		for _, table := range []string{"customers", "merges", "events", "enrollments", "outbox", "sends", "handoffs", "decisions", "offers",
			"addresses", "rejected_calls", "intents", "customer_timezones"} {
			if !tables[table] {
				t.Errorf("the test leaves %s without a row of the customer", table)
			}
		}
		dry, err := s.Erasure.Start(s.Ctx, enginetest.Noon, "zaphod", "ticket 12", "sam", true)
		s.Must(err)
		s.Equal(dry.ID, "")
		all, err := s.Analytics.Numbers(s.Ctx, enginetest.Noon, "cart")
		s.Must(err)

		r := forget(s, "zaphod")
		s.Equal(r.State, erasure.Done)
		s.Equal(r.Report.IDs, 3)
		for _, row := range containing(rows(s), "zaphod") {
			t.Errorf("left: %s", row)
		}
		for _, row := range containing(rows(s), "1234567") {
			if !strings.Contains(row, "trillian") && !strings.Contains(row, "forgotten") {
				t.Errorf("left: %s", row)
			}
		}
		s.Equal(len(containing(rows(s), "trillian")), others)
		for table, planned := range dry.Report.Tables {
			got := r.Report.Tables[table]
			if got == nil {
				t.Errorf("%s: the report does not name it", table)
			} else if planned.Erased > got.Erased && table != "outbox" { // what waits is dropped when an enrollment closes
				t.Errorf("%s: %d rows were erased, and the dry run named %d", table, got.Erased, planned.Erased)
			}
		}
		after, err := s.Analytics.Numbers(s.Ctx, enginetest.Noon, "cart")
		s.Must(err)
		s.Equal(after.Entries, all.Entries)
		s.Equal(after.Entries, before.Entries+1)

		_, err = s.Erasure.Start(s.Ctx, enginetest.Noon, "zaphod", "ticket 12", "sam", false)
		s.WantError(err, unit.ErrForgotten)
		kept, err := s.Enrollments.List(s.Ctx, enrollment.Filter{WorkflowID: "forgotten/" + e.ID})
		s.Must(err)
		s.Equal(len(kept), 1)
		s.Equal(strings.HasPrefix(kept[0].Customer, "forgotten/"), true)
	})
}

// TestForgottenCustomerStaysAway: no call of any kind creates a customer again who was forgotten or is being forgotten, and those of
// others in the same request are stored.
func TestForgottenCustomerStaysAway(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		publish(s)
		e := fill(s, "zaphod")
		s.Ingest(enginetest.Noon, s.Identify("ben", nil))
		r, err := s.Erasure.Start(s.Ctx, enginetest.Noon, "anon:zaphod-device", "ticket 12", "sam", false)
		s.Must(err)
		late := func(left int) {
			t.Helper()
			s.N += 10
			merge := s.Identify("ben", enginetest.Props{"tier": "gold"})
			merge.AnonymousID = "zaphod-device"
			device := s.Track("", "Cart Updated", enginetest.Props{"of": "zaphod"})
			device.AnonymousID = "zaphod-device"
			enters := s.Track("zaphod", "", nil)
			enters.Enter = "cart"
			fresh := s.Identify("zaphod", nil)
			fresh.AnonymousID = "zaphod-fresh"
			got := s.Ingest(enginetest.Noon, s.Track("zaphod", "Cart Updated", nil), device, merge, enters,
				customer.SegmentCall{Type: "alias", MessageID: fmt.Sprintf("alias-%d", s.N), UserID: "ben", PreviousID: "zaphod-old"},
				s.Track("ben", "Cart Viewed", nil), fresh)
			var forgotten []bool
			for _, one := range got {
				forgotten = append(forgotten, one.Forgotten)
			}
			s.Equal(forgotten, []bool{true, true, false, true, false, false, true})
			s.WantError(s.Intake.SetIntents(s.Ctx, enginetest.Noon, "zaphod", map[string]float64{"books": 0.5}), unit.ErrForgotten)
			s.WantError(s.Customers.SetTraits(s.Ctx, enginetest.Noon, "zaphod", enginetest.Props{"tier": "x"}), unit.ErrForgotten)
			_, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, offer.Inbound{UserID: "zaphod", Group: "offers", RequestID: "late"})
			s.WantError(err, unit.ErrForgotten)
			_, err = s.Customers.Get(s.Ctx, "zaphod")
			s.WantError(err, sqldb.ErrNotFound)
			n := 0
			for _, row := range containing(rows(s), "zaphod") {
				if strings.HasPrefix(row, "customers:") {
					n++
				}
			}
			s.Equal(n, left)
		}
		late(3)
		restarted, err := s.Enrollments.Restart(s.Ctx, enginetest.Noon, e.ID, false, false)
		s.Must(err)
		s.Equal(restarted.Refused, "its customer is being forgotten")
		s.WantError(s.Erasure.Remember(s.Ctx, "zaphod"),
			sqldb.InputError("this customer is being forgotten: wait until request "+r.ID+" is done"))
		finish(s, r.ID)
		late(0)
		if left := containing(rows(s), "zaphod"); len(left) > 0 {
			t.Errorf("left: %s", left)
		}

		s.Must(s.Erasure.Remember(s.Ctx, "zaphod"))
		s.WantError(s.Erasure.Remember(s.Ctx, "zaphod"), sqldb.ErrNotFound)
		s.Ingest(enginetest.Noon, s.Identify("zaphod", enginetest.Props{"email": "zaphod@example.com"}))
		c, err := s.Customers.Get(s.Ctx, "zaphod")
		s.Must(err)
		s.Equal(c.OptedOut, []string{"zaphod@example.com"}) // nobody writes to the address again, until an opt-in
		s.Ingest(enginetest.Noon.Add(time.Hour), s.Track("zaphod", "Marketing Opted In", nil))
		c, err = s.Customers.Get(s.Ctx, "zaphod")
		s.Must(err)
		s.Equal(len(c.OptedOut), 0)
	})
}

// TestKeysGoWithTheLastRun: once no run has to be read any more, the keys of all ids of the customer are gone, and no late run makes one
// again.
func TestKeysGoWithTheLastRun(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		publish(s)
		masters, err := keyring.ParseMasters([]string{"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"})
		s.Must(err)
		// Each process has its own cache, which would still know a key for a minute.
		process := func() *keyring.Room {
			r := keyring.New(s.Database)
			r.Use(masters)
			return r
		}
		gone := func(k *keyring.Key, want bool) {
			t.Helper()
			_, err := process().ByID(s.Ctx, k.ID)
			s.Equal(errors.Is(err, keyring.ErrNoKey), want)
		}
		e := fill(s, "zaphod")
		s.Ingest(enginetest.Noon, s.Identify("ben", nil))
		key, err := process().ForWorkflow(s.Ctx, e.WorkflowID)
		s.Must(err)
		s.Equal(key.Customer, "zaphod")
		old, err := process().ForCustomer(s.Ctx, "zaphod-old") // that of a merged id: it began a history
		s.Must(err)
		ben, err := process().ForCustomer(s.Ctx, "ben")
		s.Must(err)

		r, err := s.Erasure.Start(s.Ctx, enginetest.Noon, "zaphod", "ticket 12", "sam", false)
		s.Must(err)
		gone(key, false) // its run has to be read to end
		s.Must(s.Erasure.CloseEnrollment(s.Ctx, enginetest.Noon, r.ID, e.ID))
		s.Must(s.Erasure.Delete(s.Ctx, enginetest.Noon, r.ID))
		gone(key, true)
		gone(old, true)
		gone(ben, false)
		late, err := process().ForWorkflow(s.Ctx, e.WorkflowID) // rows are left, and a run that still reports needs one
		s.Must(err)
		finish(s, r.ID)
		gone(late, true)
		_, err = process().ForCustomer(s.Ctx, "zaphod")
		s.WantError(err, keyring.ErrNoKey)
		if left := containing(rows(s), "zaphod"); len(left) > 0 {
			t.Errorf("left: %s", left)
		}
		done, err := s.Erasure.Get(s.Ctx, r.ID)
		s.Must(err)
		s.Equal(done.Report.Tables["customer_keys"].Erased, int64(3))

		// Who is in no journey has no run to end: the keys go with the mark.
		_, err = s.Erasure.Start(s.Ctx, enginetest.Noon, "ben", "ticket 13", "sam", false)
		s.Must(err)
		gone(ben, true)
	})
}

// TestReasonDoesNotNameTheCustomer: the reason is kept.
func TestReasonDoesNotNameTheCustomer(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t, ":memory:")
	s.Ingest(enginetest.Noon, s.Identify("zaphod", enginetest.Props{"email": "z.b@example.com"}))
	for _, reason := range []string{"", "Zaphod asked", "mail from Z.B@example.com", strings.Repeat("x", 501)} {
		if _, err := s.Erasure.Start(s.Ctx, enginetest.Noon, "zaphod", reason, "sam", false); err == nil {
			t.Errorf("%q is taken", reason)
		}
	}
	_, err := s.Erasure.Start(s.Ctx, enginetest.Noon, "nobody", "ticket 1", "sam", false)
	s.WantError(err, sqldb.ErrNotFound)
}
