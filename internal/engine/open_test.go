package engine

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func TestPublish(t *testing.T) {
	each(t, func(s *suite) {
		n, c, err := s.Catalog.Content(s.ctx)
		s.must(err)
		s.same([]int{n, len(c.Journeys), len(c.Messages)}, []int{0, 0, 0})
		s.same(s.publishes([]*journey.Definition{cart()}, reminder()), 1)
		s.same(s.publishes([]*journey.Definition{cart()}, reminder()), 1) // nothing changed
		changed := reminder()
		changed.Treatments["email"]["subject"] = "Still there"
		s.same(s.publishes([]*journey.Definition{cart()}, changed), 2)
		n, c, err = s.Catalog.Content(s.ctx)
		s.must(err)
		s.same(n, 2)
		s.same(c.Messages["reminder"], changed)
		s.same(c.Journeys["cart"].Revision(), cart().Revision())
	})
}

func TestPublishDropsNothingThatIsNeeded(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		bare := reminder()
		bare.Treatments = map[string]journey.Treatment{"push": {"title": "x"}}
		by := "named by journey cart (revision " + e.Revision + ", 1 open)"
		for want, messages := range map[string][]*journey.Message{
			`message "reminder", ` + by:                        nil,
			`the email treatment of message "reminder", ` + by: {bare},
		} {
			_, err := s.Catalog.Publish(s.ctx, noon, content(nil, messages...))
			var dropped *catalog.DroppedError
			if !errors.As(err, &dropped) {
				s.T.Fatalf("got %v, want a DroppedError", err)
			}
			s.same(dropped.Missing, []string{want})
		}
		s.ends(e, "goal", noon)
		s.same(s.publishes(nil), 2)
	})
}

func TestPublishersAtOnce(t *testing.T) {
	each(t, func(s *suite) {
		done := make(chan error, 8)
		for i := range 8 {
			go func() {
				m := reminder()
				m.About = string(rune('a' + i))
				_, err := s.Catalog.Publish(s.ctx, noon, content([]*journey.Definition{cart()}, m))
				done <- err
			}()
		}
		for range 8 {
			s.must(<-done)
		}
		n, _, err := s.Catalog.Content(s.ctx)
		s.must(err)
		s.same(n, 8)
	})
}

func TestTheClockIsFixedByTheFirstEvent(t *testing.T) {
	each(t, func(s *suite) {
		c, err := s.Database.Clock(s.ctx)
		s.must(err)
		s.same(c, clock.Clock{})
		want := clock.Clock{Origin: noon, Epoch: wall, Scale: 60}
		s.must(s.Customers.SetClock(s.ctx, clock.Clock{Scale: 2}))
		s.must(s.Customers.SetClock(s.ctx, want))
		s.ingest(noon, s.track("ana", "Seen", nil))
		s.must(s.Customers.SetClock(s.ctx, want))
		s.refused(s.Customers.SetClock(s.ctx, clock.Clock{}), sqldb.ErrClockFixed)
		c, err = s.Database.Clock(s.ctx)
		s.must(err)
		s.same(c, want)
	})
}

func TestASecondProcessSeesEverything(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, url string) {
		one, two := opened(t, url), opened(t, url)
		one.publishes([]*journey.Definition{cart()}, reminder())
		e := one.enters("ana", nil)
		two.same(two.byID(e.ID), e)
		n, _, err := two.Catalog.Content(two.ctx)
		two.must(err)
		two.same(n, 1)
		one.publishes(nil, reminder())
		two.same(two.ingest(noon, customer.SegmentCall{Type: "track", MessageID: "x", UserID: "ben", Event: "Cart Updated"})[0].Entered,
			[]string(nil))
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		check(t, filepath.Join(t.TempDir(), "with ? and # and %.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		check(t, pgtest.URL(t))
	})
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	s := opened(t, ":memory:")
	s.publishes([]*journey.Definition{cart(func(d *journey.Definition) { d.Entry.When = `count("Cart Updated", "1d") >= 1` })}, reminder())
	e := s.enters("ana", nil)
	r := s.reserves(e, "k", wall, yes)
	n, err := r.Vars.History.Count("Cart Updated", 0)
	s.must(err)
	s.same(n, 1.0)
	s.ends(e, "goal", noon)
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                                   "no URL",
		"/nowhere/at/all.db":                 "unable to open database file",
		"postgres://u:secret@127.0.0.1:1/db": "database: ",
		"postgres://u:secret@host:port/db":   "not a PostgreSQL URL",
	} {
		s, err := Open(t.Context(), Options{URL: url})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "database: ") ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got error %v, want one about %q without the password", url, err, want)
		}
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tabi.db")
	s := opened(t, file)
	_, err := s.Database.Writer.ExecContext(s.ctx, `insert into goose_db_version (version_id, is_applied) values (999, true)`)
	s.must(err)
	_, err = Open(t.Context(), Options{URL: file})
	if err == nil || !strings.Contains(err.Error(), "run a newer tabi") {
		t.Fatalf("got error %v", err)
	}
}

func TestTheDatabaseGoesAway(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		ctx, cancel := context.WithCancel(s.ctx)
		// The connection is cut in the middle: nothing is half-stored.
		err := s.Units.Change(ctx, noon, func(tx sqldb.Conn, b *unit.Unit) error {
			if err := b.Lock(ctx, []string{"ana"}); err != nil {
				return err
			}
			customer.AppendEvent(b, &customer.Event{ID: "x", Customer: "ana", Name: "Seen", Text: "{}"})
			if err := customer.FlushEvents(ctx, b); err != nil {
				return err
			}
			cancel()
			return nil
		})
		if err == nil || !strings.HasPrefix(err.Error(), "database: ") {
			s.T.Fatalf("got error %v", err)
		}
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same([]int64{c.Events, c.Customers}, []int64{0, 0})
		s.must(s.Database.Ping(s.ctx))
	})
}

func TestAClosedStore(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{URL: filepath.Join(t.TempDir(), "tabi.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, accept := s.Intake.Ingest(t.Context(), noon, []customer.SegmentCall{{Type: "track", MessageID: "1", UserID: "ana", Event: "Seen"}})
	_, lease := s.Outbox.Lease(t.Context(), wall, 1, time.Minute)
	_, counts := s.Analytics.Counts(t.Context())
	for _, err := range []error{accept, lease, counts, s.Database.Ping(t.Context())} {
		if err == nil || !strings.HasPrefix(err.Error(), "database: ") {
			t.Errorf("got error %v, want one that begins with database:", err)
		}
	}
}

func TestEnrollmentsArePaged(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(keyed)})
		var calls []customer.SegmentCall
		for i := range 25 {
			calls = append(calls, s.track("ana", "Cart Updated", props{"cart_id": float64(i)}))
		}
		s.ingest(noon, calls...)
		var got []string
		after := ""
		for range 10 {
			page, err := s.Enrollments.List(
				s.ctx,
				enrollment.Filter{Customer: "ana", Journey: "cart", State: unit.StateOpen,
					After: after, Limit: 10},
			)
			s.must(err)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got = append(got, e.Key)
			}
			after = page[len(page)-1].ID
		}
		s.same(len(got), 25)
		s.same([]string{got[0], got[24]}, []string{"0", "24"}) // in the order of entry
		none, err := s.Enrollments.List(s.ctx, enrollment.Filter{Customer: "nobody"})
		s.must(err)
		s.same(len(none), 0)
	})
}
