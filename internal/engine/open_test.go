package engine_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func TestSecondProcessSeesEverything(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, url string) {
		one, two := enginetest.New(t, url), enginetest.New(t, url)
		one.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := one.Enter("ana", nil)
		two.Equal(two.Enrollment(e.ID), e)
		n, _, err := two.Catalog.Content(two.Ctx)
		two.Must(err)
		two.Equal(n, 1)
		one.Publish(nil, enginetest.Reminder())
		two.Equal(
			two.Ingest(enginetest.Noon, customer.SegmentCall{Type: "track", MessageID: "x", UserID: "ben",
				Event: "Cart Updated"})[0].Entered,
			[]string(nil),
		)
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
	s := enginetest.New(t, ":memory:")
	s.Publish(
		[]*journey.Definition{enginetest.Cart(func(d *journey.Definition) { d.Entry.When = `count("Cart Updated", "1d") >= 1` })},
		enginetest.Reminder(),
	)
	e := s.Enter("ana", nil)
	r := s.Reserve(e, "k", enginetest.Wall, enginetest.ByEmail)
	n, err := r.Vars.History.Count("Cart Updated", 0)
	s.Must(err)
	s.Equal(n, 1.0)
	s.End(e, "goal", enginetest.Noon)
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                                   "no URL",
		"/nowhere/at/all.db":                 "unable to open database file",
		"postgres://u:secret@127.0.0.1:1/db": "database: ",
		"postgres://u:secret@host:port/db":   "not a PostgreSQL URL",
	} {
		s, err := engine.Open(t.Context(), engine.Options{URL: url})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "database: ") ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got error %v, want one about %q without the password", url, err, want)
		}
	}
}

func TestDatabaseOutage(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		ctx, cancel := context.WithCancel(s.Ctx)
		// The connection is cut within the transaction: nothing is stored.
		err := s.Units.Change(ctx, enginetest.Noon, func(tx sqldb.Conn, b *unit.Unit) error {
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
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Events, c.Customers}, []int64{0, 0})
		s.Must(s.Database.Ping(s.Ctx))
	})
}

func TestClosedEngine(t *testing.T) {
	t.Parallel()
	s, err := engine.Open(t.Context(), engine.Options{URL: filepath.Join(t.TempDir(), "tabi.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, accept := s.Intake.Ingest(
		t.Context(),
		enginetest.Noon,
		[]customer.SegmentCall{{Type: "track", MessageID: "1", UserID: "ana", Event: "Seen"}},
	)
	_, lease := s.Outbox.Lease(t.Context(), enginetest.Wall, 1, time.Minute)
	_, counts := s.Analytics.Counts(t.Context())
	for _, err := range []error{accept, lease, counts, s.Database.Ping(t.Context())} {
		if err == nil || !strings.HasPrefix(err.Error(), "database: ") {
			t.Errorf("got error %v, want one that begins with database:", err)
		}
	}
}

func TestHoldoutOption(t *testing.T) {
	t.Parallel()
	s, err := engine.Open(t.Context(), engine.Options{URL: sqldb.InMemory, Holdout: func(journey, customerID string, percent float64) bool {
		return journey == "cart" && customerID == "ana" && percent == 5
	}})
	if err != nil {
		t.Fatal(err)
	}
	u := &enginetest.Suite{T: t, Engine: s, Ctx: t.Context()}
	t.Cleanup(func() { u.Must(s.Close()) })
	u.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) { d.Entry.Holdout = 5 })}, enginetest.Reminder())
	u.Equal([]bool{u.Enter("ana", nil).Holdout, u.Enter("ben", nil).Holdout}, []bool{true, false})
}
