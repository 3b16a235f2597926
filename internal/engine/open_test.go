package engine

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func TestSecondProcessSeesEverything(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, url string) {
		one, two := OpenSuite(t, url), OpenSuite(t, url)
		one.Publish([]*journey.Definition{Cart()}, Reminder())
		e := one.Enter("ana", nil)
		two.Equal(two.Enrollment(e.ID), e)
		n, _, err := two.Catalog.Content(two.Ctx)
		two.Must(err)
		two.Equal(n, 1)
		one.Publish(nil, Reminder())
		two.Equal(two.Ingest(Noon, customer.SegmentCall{Type: "track", MessageID: "x", UserID: "ben", Event: "Cart Updated"})[0].Entered,
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
	s := OpenSuite(t, ":memory:")
	s.Publish([]*journey.Definition{Cart(func(d *journey.Definition) { d.Entry.When = `count("Cart Updated", "1d") >= 1` })}, Reminder())
	e := s.Enter("ana", nil)
	r := s.Reserve(e, "k", Wall, ByEmail)
	n, err := r.Vars.History.Count("Cart Updated", 0)
	s.Must(err)
	s.Equal(n, 1.0)
	s.End(e, "goal", Noon)
}

func TestOpenErrors(t *testing.T) {
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

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tabi.db")
	s := OpenSuite(t, file)
	_, err := s.Database.Writer.ExecContext(s.Ctx, `insert into goose_db_version (version_id, is_applied) values (999, true)`)
	s.Must(err)
	_, err = Open(t.Context(), Options{URL: file})
	if err == nil || !strings.Contains(err.Error(), "run a newer tabi") {
		t.Fatalf("got error %v", err)
	}
}

func TestDatabaseOutage(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart()})
		ctx, cancel := context.WithCancel(s.Ctx)
		// The connection is cut in the middle: nothing is half-stored.
		err := s.Units.Change(ctx, Noon, func(tx sqldb.Conn, b *unit.Unit) error {
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
	s, err := Open(t.Context(), Options{URL: filepath.Join(t.TempDir(), "tabi.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, accept := s.Intake.Ingest(t.Context(), Noon, []customer.SegmentCall{{Type: "track", MessageID: "1", UserID: "ana", Event: "Seen"}})
	_, lease := s.Outbox.Lease(t.Context(), Wall, 1, time.Minute)
	_, counts := s.Analytics.Counts(t.Context())
	for _, err := range []error{accept, lease, counts, s.Database.Ping(t.Context())} {
		if err == nil || !strings.HasPrefix(err.Error(), "database: ") {
			t.Errorf("got error %v, want one that begins with database:", err)
		}
	}
}
