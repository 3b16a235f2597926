package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// What is old is deleted, and what an open enrollment and the rules of re-entry need stays.
func TestRetentionKeepsWhatIsNeeded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		once := enginetest.Cart(func(d *journey.Definition) { d.Journey, d.Entry.Reentry = "once", journey.ReentryNever })
		s.Publish([]*journey.Definition{enginetest.Cart(), once}, enginetest.Reminder())
		at := func(user, name string, when time.Time) customer.SegmentCall {
			c := s.Track(user, name, nil)
			c.MessageID, c.Timestamp = user+name+when.String(), when
			return c
		}
		s.Ingest(enginetest.Noon, at("ana", "Page Viewed", enginetest.Noon), at("ben", "Page Viewed", enginetest.Noon))
		visitor := at("", "Page Viewed", enginetest.Noon)
		visitor.AnonymousID = "a7"
		s.Ingest(enginetest.Noon, visitor)
		for _, user := range []string{"ana", "ben"} {
			s.Ingest(enginetest.Noon.Add(time.Hour), at(user, "Cart Updated", enginetest.Noon.Add(time.Hour)))
		}
		open, err := s.Enrollments.List(s.Ctx, enrollment.Filter{Customer: "ben"})
		s.Must(err)
		for _, e := range open {
			s.End(e, contract.Completed, enginetest.Noon.Add(2*time.Hour))
		}
		now := enginetest.Noon.Add(400 * enginetest.Day)
		before := now.Add(-365 * enginetest.Day)
		ids, err := s.Customers.Page(s.Ctx, "", 100)
		s.Must(err)
		s.Equal(len(ids), 3)
		gone, err := s.Customers.PruneEvents(s.Ctx, now, before, ids, 100)
		s.Must(err)
		s.Equal(len(gone), 4) // of ana, whose enrollments are open, only what was before the entry
		n, err := s.Enrollments.Prune(s.Ctx, now, before, ids, 100)
		s.Must(err)
		s.Equal(n, int64(1)) // ben may enter cart again anyway, and once never
		s.Equal(s.Ingest(now, at("ben", "Cart Updated", now))[0].Entered, []string{"cart/ben"})

		idle, err := s.Customers.IdleVisitors(s.Ctx, before, ids)
		s.Must(err)
		s.Equal(idle, []string{"anon:a7"})
		dropped, err := s.Erasure.DropVisitor(s.Ctx, now, idle[0])
		s.Must(err)
		s.Equal(dropped, true)
		ids, err = s.Customers.Page(s.Ctx, "", 100)
		s.Must(err)
		s.Equal(ids, []string{"ana", "ben"})

		for _, prune := range []func() (int64, error){
			func() (int64, error) { return s.Messages.Prune(s.Ctx, now, before, 10) },
			func() (int64, error) { return s.Handoffs.Prune(s.Ctx, before, ids, 10) },
			func() (int64, error) { return s.Offers.PruneOffers(s.Ctx, before, ids, 10) },
			func() (int64, error) { return s.Outbox.PruneDeadLetters(s.Ctx, before, 10) },
			func() (int64, error) { return s.Rejections.Prune(s.Ctx, before) },
		} {
			n, err := prune()
			s.Must(err)
			s.Equal(n, int64(0))
		}
		s.Must(s.Intents.PruneClassifications(s.Ctx, gone))

		// The figures know from the deleting transaction on, and what is deleted is not lost to the totals.
		totals, err := s.Analytics.Totals(s.Ctx)
		s.Must(err)
		s.Equal([]any{totals.Events, totals.Outcomes}, []any{int64(6), map[string]map[string]int64{
			"cart": {"completed": 1}, "once": {"completed": 1}}})
	})
}

// prune calls a room's deletion until nothing is left to delete, with the smallest pages, and returns how many rows are gone.
func prune(s *enginetest.Suite, page func() (int64, error)) (n int64) {
	s.T.Helper()
	for {
		gone, err := page()
		s.Must(err)
		if n += gone; gone == 0 {
			return n
		}
	}
}

// run executes statements.
func run(s *enginetest.Suite, statements ...string) {
	s.T.Helper()
	for _, text := range statements {
		_, err := s.Database.Writer.ExecContext(s.Ctx, text)
		s.Must(err)
	}
}

// left returns the first column of a query, in order.
func left(s *enginetest.Suite, query string) (out []string) {
	s.T.Helper()
	s.Must(sqldb.Rows(s.Ctx, s.Database.Reader, func(r *sql.Rows) error {
		var one string
		err := r.Scan(&one)
		out = append(out, one)
		return err
	}, query))
	return out
}

// An enrollment that decides re-entry stays: forever with never, within its window with after, and where no release has the journey.
func TestRetentionOfEnrollments(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		const keep = 30 * enginetest.Day
		named := func(name, mode string, after time.Duration) *journey.Definition {
			return enginetest.Cart(enginetest.Named(name), enginetest.Reentry(mode, after))
		}
		s.Publish([]*journey.Definition{named("never", journey.ReentryNever, 0), named("after", journey.ReentryAfter, 60*enginetest.Day),
			named("exit", journey.ReentryAfterExit, 0), named("gone", journey.ReentryAfterExit, 0)}, enginetest.Reminder())
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil))
		all, err := s.Enrollments.List(s.Ctx, enrollment.Filter{Customer: "ana"})
		s.Must(err)
		s.Equal(len(all), 4)
		for _, e := range all {
			s.End(e, contract.Completed, enginetest.Noon.Add(time.Hour))
		}
		s.Publish([]*journey.Definition{named("never", journey.ReentryNever, 0), named("after", journey.ReentryAfter, 60*enginetest.Day),
			named("exit", journey.ReentryAfterExit, 0)}, enginetest.Reminder())
		for _, c := range []struct {
			days time.Duration
			want []string
		}{{20, []string{"after", "exit", "gone", "never"}}, {40, []string{"after", "gone", "never"}}, {70, []string{"gone", "never"}}} {
			now := enginetest.Noon.Add(c.days * enginetest.Day)
			prune(s, func() (int64, error) { return s.Enrollments.Prune(s.Ctx, now, now.Add(-keep), []string{"ana"}, 1) })
			s.Equal(left(s, `select journey from enrollments order by journey`), c.want)
			if c.days == 40 {
				s.Equal(s.Ingest(now, s.Track("ana", "Cart Updated", nil))[0].Entered, []string{"exit/ana"})
				s.End(s.OpenAt("exit/ana"), contract.Completed, now)
				run(s, `delete from enrollments where journey = 'exit'`)
			}
		}
	})
}

// A send stays as long as the longest cap of the release counts it, so that no cap forgets what it needs; so does one that waits, or one
// of an open enrollment.
func TestRetentionOfSends(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		c := enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		c.Policy = &journey.Policy{Limits: []journey.Limit{{Max: 5, Per: enginetest.Day},
			{Max: 1, Per: 200 * enginetest.Day, Channel: "email"}}}
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, c)
		s.Must(err)
		e := s.Enter("ana", nil)
		send := func(key, enrollment, status string) string {
			return fmt.Sprintf(`insert into sends (key, enrollment, journey, step, message, customer, channel, category, topic, status,
				release, at, token, lease_until) values ('%s', '%s', 'cart', 'nudge', 'reminder', 'ana', 'email', 'marketing', '', '%s',
				1, %d, 0, 0)`, key, enrollment, status, sqldb.Millis(enginetest.Noon))
		}
		run(s, send("closed", "gone", "sent"), send("held", "gone", "held"), send("open", e.ID, "sent"), send("retry", "gone", "retry"),
			send("sending", "gone", "sending"), send("suppressed", "gone", "suppressed"))
		at := func(days time.Duration) []string {
			now := enginetest.Noon.Add(days * enginetest.Day)
			prune(s, func() (int64, error) { return s.Messages.Prune(s.Ctx, now, now.Add(-30*enginetest.Day), 1) })
			return left(s, `select key from sends order by key`)
		}
		s.Equal(len(at(250)), 6) // half a window late it still counts
		s.Equal(at(400), []string{"held", "open", "retry", "sending"})
		totals, err := s.Analytics.Totals(s.Ctx)
		s.Must(err)
		s.Equal([]int64{totals.Sends["email/sent"], totals.Sends["email/suppressed"]}, []int64{2, 1})
	})
}

// Events stay as far back as count with a duration looks, in any journey or rule of the release; last looks at what there is.
func TestRetentionOfEvents(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		c := enginetest.Content([]*journey.Definition{enginetest.Cart(), enginetest.EnteredWhen(`count("Order Completed", "100d") > 2`),
			enginetest.EnteredWhen(`last("Order Completed") < now`, enginetest.Named("lately"))}, enginetest.Reminder())
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, c)
		s.Must(err)
		rel, err := s.Catalog.Current(s.Ctx, s.Database.Reader)
		s.Must(err)
		s.Equal(rel.Lookback(), catalog.Lookback{Events: 103 * enginetest.Day, Ever: []string{"lately"}})
		s.Ingest(enginetest.Noon, s.Track("ana", "Page Viewed", nil), s.Track("ana", "Page Viewed", nil))
		at := func(days time.Duration) int64 {
			now := enginetest.Noon.Add(days * enginetest.Day)
			return prune(s, func() (int64, error) {
				gone, err := s.Customers.PruneEvents(s.Ctx, now, now.Add(-30*enginetest.Day), []string{"ana", "nobody"}, 1)
				return int64(len(gone)), err
			})
		}
		s.Equal([]int64{at(90), at(104), at(104)}, []int64{0, 2, 0})
		// An open enrollment counts as the revision does by which it began.
		counts := enginetest.Cart(func(d *journey.Definition) { d.Steps[0].When = `count("Page Viewed", "300d") > 0` })
		s.Publish([]*journey.Definition{counts}, enginetest.Reminder())
		s.Ingest(enginetest.Noon.Add(150*enginetest.Day), s.Track("ana", "Page Viewed", nil), s.Track("nobody", "Page Viewed", nil))
		s.Ingest(enginetest.Noon.Add(160*enginetest.Day), s.Track("ana", "Cart Updated", nil))
		s.Publish(enginetest.Carts(), enginetest.Reminder())
		s.Equal([]int64{at(300), at(460)}, []int64{0, 2})
		again, err := s.Analytics.Totals(s.Ctx)
		s.Must(err)
		s.Equal(again.Events, int64(5))
	})
}

// Hand-offs, dead letters and offers stay while they are open, or belong to an open enrollment. A model and the control groups do not
// change by what is deleted.
func TestRetentionOfWork(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.PublishOffers()
		e, closed := s.Enter("ana", nil), s.Enter("ben", nil)
		s.DecideAndSend(closed, "b", enginetest.Noon)
		s.OpenHandoff(e, "open", "normal", enginetest.Noon)
		s.OpenHandoff(closed, "waits", "normal", enginetest.Noon)
		s.End(closed, contract.Completed, enginetest.Noon.Add(time.Hour)) // withdraws the hand-off
		dead := func(enrollment string) string {
			return fmt.Sprintf(`insert into dead_letters (enrollment, seq, kind, event, body, at, error, attempts, set_at)
				values ('%s', 1, 'event', 'x', '', 1, '', 3, %d)`, enrollment, sqldb.Millis(enginetest.Noon))
		}
		offer := func(key string, offered, learned int, outcome string) string {
			return fmt.Sprintf(`insert into offers (key, customer, action, channel, control, decided_at, within_ms, propensity, worth, cost,
				features, offered_at, learned, outcome, resolved_at) values ('%s', 'ana', 'points', 'email', '', 1, 1, 0, 0, 0, '', %d, %d,
				'%s', 1)`, key, offered, learned, outcome)
		}
		run(s, `update handoffs set state = 'resolved', closed_at = 1 where id = 'waits'`, dead(e.ID), dead(closed.ID), dead("gone"),
			offer("open", 1, 0, ""), offer("unlearned", 1, 0, "accepted"), offer("unsaid", 0, 0, ""), offer("learned", 1, 1, "accepted"))
		handoff := `select id from handoffs order by id`
		now := enginetest.Noon.Add(100 * enginetest.Day)
		before, ids := now.Add(-30*enginetest.Day), []string{"ana", "ben"}
		control := func() []string { return left(s, `select control from decisions order by key`) }
		was := control()
		s.Equal(prune(s, func() (int64, error) { return s.Handoffs.Prune(s.Ctx, before, ids, 1) }), int64(1))
		s.Equal(left(s, handoff), []string{"open"})
		s.Equal(prune(s, func() (int64, error) { return s.Outbox.PruneDeadLetters(s.Ctx, before, 1) }), int64(2))
		s.Equal(left(s, `select enrollment from dead_letters`), []string{e.ID})
		s.Equal(prune(s, func() (int64, error) { return s.Offers.PruneOffers(s.Ctx, before, ids, 1) }), int64(1))
		s.Equal(left(s, `select key from offers where customer = 'ana' order by key`), []string{"open", "unlearned", "unsaid"})
		s.Equal(control(), was)
		n, more, err := s.Offers.PruneDecisions(s.Ctx, now, 30*enginetest.Day, 10)
		s.Must(err)
		s.Equal([]any{n, more}, []any{int64(1), false})
		s.Decide(s.NewDecide(e, "again"), now)
		for _, one := range control() {
			s.Equal(one, "") // the group of a customer is drawn by the id, and nothing of it is stored
		}
	})
}

// A visitor ends who did nothing for as long as configured. One stays with an address, a device or a consent, an open enrollment, or an
// entry by schedule meanwhile. Twenty thousand that a stranger made end.
func TestRetentionOfVisitors(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Channels = enginetest.EmailAndApp
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		visit := func(id, event string, traits map[string]any) {
			c, about := s.Track("", event, nil), s.Identify("", traits)
			c.AnonymousID, about.AnonymousID = id, id
			s.Ingest(enginetest.Noon, c, about)
		}
		visit("idle", "Page Viewed", map[string]any{"color": "red", "email": nil})
		visit("mail", "Page Viewed", map[string]any{"email": "v@example.com"})
		visit("device", "Page Viewed", map[string]any{"push_token": "t"})
		visit("no", "Page Viewed", map[string]any{"consent": map[string]any{"marketing": false}})
		visit("open", "Cart Updated", nil)
		visit("closed", "Cart Updated", nil)
		s.End(s.OpenAt("cart/anon:closed"), contract.Completed, enginetest.Noon.Add(20*enginetest.Day))
		visit("recent", "Page Viewed", nil)
		late := s.Track("", "Page Viewed", nil)
		late.AnonymousID = "recent"
		s.Ingest(enginetest.Noon.Add(60*enginetest.Day), late)
		ids, err := s.Customers.Page(s.Ctx, "", 100)
		s.Must(err)
		idle := func(days time.Duration) []string {
			got, err := s.Customers.IdleVisitors(s.Ctx, enginetest.Noon.Add(days*enginetest.Day), ids)
			s.Must(err)
			slices.Sort(got)
			return got
		}
		s.Equal(idle(10), []string{"anon:idle"})
		s.Equal(idle(30), []string{"anon:closed", "anon:idle"})
		s.Equal(idle(90), []string{"anon:closed", "anon:idle", "anon:recent"})
		dropped, err := s.Erasure.DropVisitor(s.Ctx, enginetest.Noon.Add(500*enginetest.Day), "anon:open")
		s.Must(err)
		s.Equal(dropped, false) // somebody may have entered since they were looked for
	})
}

// Refused calls go by their time. The audit log's chain holds, and says from where.
func TestRetentionOfRefusedCallsAndAudit(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		for id, at := range map[string]time.Time{"a": enginetest.Noon, "b": enginetest.Noon.Add(20 * enginetest.Day)} {
			run(s, fmt.Sprintf(`insert into rejected_calls (id, at, door, code, field, message, payload, bytes)
				values ('%s', %d, 'http', 'x', '', '', '{}', 2)`, id, sqldb.Millis(at)))
		}
		s.Equal(prune(s, func() (int64, error) { return s.Rejections.Prune(s.Ctx, enginetest.Noon.Add(enginetest.Day)) }), int64(1))
		s.Equal(left(s, `select id from rejected_calls`), []string{"b"})
		old, young := time.Now().Add(-90*enginetest.Day).UTC().Truncate(time.Millisecond), time.Now().UTC().Truncate(time.Millisecond)
		for _, at := range []time.Time{old, old, old, young} {
			s.Must(s.Audit.Record(s.Ctx, audit.Entry{At: at, Who: "lea", What: "customer.read", Customer: "ana"}))
		}
		before := time.Now().Add(-30 * enginetest.Day)
		s.Equal(prune(s, func() (int64, error) { return s.Audit.Prune(s.Ctx, before, 2) }), int64(3))
		v, err := s.Audit.Verify(s.Ctx)
		s.Must(err)
		s.Equal([]any{v.Entries, v.First, v.Deleted, v.Since.Equal(young)}, []any{int64(1), int64(4), int64(3), true})
		s.Equal(v.Problems, []string{})
	})
}

// What is deleted is noted in the same transaction, once, and not where the transaction fails.
func TestDeletionIsNotedWithIt(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Ingest(enginetest.Noon, s.Track("ana", "Page Viewed", nil))
		before, noted := enginetest.Noon.Add(10*enginetest.Day), 0
		ctx := retention.Noting(s.Ctx, retention.Events, before, func(context.Context, sqldb.Conn, time.Time) error { noted++; return nil })
		begins := func() retention.Begins {
			b, err := s.Analytics.Begins(s.Ctx)
			s.Must(err)
			return b
		}
		_, err := s.Customers.PruneEvents(ctx, before, before.Add(-20*enginetest.Day), []string{"ana"}, 10)
		s.Must(err)
		s.Equal(begins(), retention.Begins(nil)) // nothing was old
		crash := errors.New("crash")
		s.WantError(s.Database.Write(ctx, func(sqldb.Conn) error { return crash }), crash)
		s.Equal(begins(), retention.Begins(nil))
		for range 2 {
			_, err = s.Customers.PruneEvents(ctx, before, before, []string{"ana"}, 10)
			s.Must(err)
		}
		s.Equal(begins(), retention.Begins{retention.Events: before.Add(12 * time.Hour)})
		s.Equal(noted, 1)
	})
}

// Every table has an end that operators read, or a reason to have none.
func TestEveryTableHasAnEnd(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(raw), "\n## What is deleted\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, section, _ = strings.Cut(section, "| tables | end |")
	schema, err := os.ReadFile("../sqldb/migrations/00001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	tables := regexp.MustCompile(`(?m)^create table (\w+)`).FindAllStringSubmatch(string(schema), -1)
	if len(tables) < 30 {
		t.Fatalf("only %d tables", len(tables))
	}
	for _, m := range tables {
		if n := strings.Count(section, "`"+m[1]+"`"); n == 0 {
			t.Errorf("docs/operations.md does not say when rows of %s end", m[1])
		}
	}
}

// A journey is compared with its control group by the customers of whom everything is there.
func TestFunnelLeavesOutWhatIsIncomplete(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(enginetest.Carts(), enginetest.Reminder())
		for _, one := range []struct {
			id string
			at time.Time
		}{{"ana", enginetest.Noon}, {"ben", enginetest.Noon.Add(10 * enginetest.Day)}} {
			s.Ingest(one.at, s.Track(one.id, "Cart Updated", nil))
			s.End(s.OpenAt("cart/"+one.id), contract.Completed, one.at.Add(time.Hour))
		}
		funnel := func() []int64 {
			n, err := s.Analytics.Numbers(s.Ctx, enginetest.Noon.Add(200*enginetest.Day), "cart")
			s.Must(err)
			return []int64{n.Entries, n.Funnel.Treated.Customers}
		}
		s.Equal(funnel(), []int64{2, 2})
		ctx := retention.Noting(s.Ctx, retention.Events, enginetest.Noon.Add(enginetest.Day), nil)
		s.Must(s.Database.Write(ctx, func(sqldb.Conn) error { return nil }))
		s.Equal(funnel(), []int64{2, 1})
	})
}

// Two processes that delete the same rows at once, because each believes to have the turn, harm nothing, and each row counts once.
func TestTwoDeleteAtOnce(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		const rows = 60
		var ids []string
		for i := range rows {
			id := fmt.Sprintf("c%d", i)
			ids = append(ids, id)
			s.Ingest(enginetest.Noon, s.Track(id, "Page Viewed", nil))
			run(s, fmt.Sprintf(`insert into sends (key, enrollment, journey, step, message, customer, channel, category, topic, status,
				release, at, token, lease_until) values ('%s', '', 'j', 's', 'm', '%s', 'email', 'marketing', '', 'sent', 1, %d, 0, 0)`,
				id, id, i+1))
		}
		now := enginetest.Noon.Add(100 * enginetest.Day)
		before := now.Add(-30 * enginetest.Day)
		ctx := retention.Noting(s.Ctx, retention.Sends, before, nil)
		failed := make(chan error, 2)
		for range 2 {
			go func() {
				for range rows / 4 {
					if _, err := s.Messages.Prune(ctx, now, before, 7); err != nil {
						failed <- err
						return
					}
					if _, err := s.Customers.PruneEvents(ctx, now, before, ids, 7); err != nil {
						failed <- err
						return
					}
				}
				failed <- nil
			}()
		}
		s.Must(errors.Join(<-failed, <-failed))
		totals, err := s.Analytics.Totals(s.Ctx)
		s.Must(err)
		s.Equal([]any{totals.Events, totals.Sends, len(left(s, `select key from sends`)), len(left(s, `select id from events`))},
			[]any{int64(rows), map[string]int64{"email/sent": rows}, 0, 0})
	})
}
