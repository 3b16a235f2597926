package store

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A database of the first release, with data, goes on in this build: nothing is lost, and what is new works
// with what was there.
func TestADatabaseOfTheFirstRelease(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		goesOn(t, filepath.Join(t.TempDir(), "tabi.db"), goose.DialectSQLite3)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		if url, ok := pgtest.URL(t); ok {
			goesOn(t, url, goose.DialectPostgres)
		}
	})
}

func goesOn(t *testing.T, url string, dialect goose.Dialect) {
	old := &Store{turns: make(chan struct{}, 1), committed: make(chan struct{}, 1), programs: map[string]*program{}}
	s := &suite{T: t, Store: old, ctx: t.Context()}
	if dialect == goose.DialectPostgres {
		s.must(old.openPostgres(Options{URL: url}))
	} else {
		s.must(old.openSQLite(Options{URL: url}))
	}
	provider, err := old.schema(dialect)
	s.must(err)
	_, err = provider.UpTo(s.ctx, 2)
	s.must(err)
	firstRelease(s)
	s.must(old.Close())

	s = opened(t, url)
	check := func() {
		s.same(s.passages("e1"), []string{"split/1 a", "response/1 ", "split/2 b"})
		s.same(s.customer("ana").Traits, props{"timezone": "Asia/Tokyo", "tier": "gold"})
		e := s.byID("e1")
		s.same([]any{e.Step, e.Until, e.Chain, e.Revision}, []any{"response", noon.Add(time.Hour), "run-e1", cart().Revision()})
	}
	check()
	for _, dir := range []func(*goose.Provider) error{
		func(p *goose.Provider) error { _, err := p.DownTo(s.ctx, 2); return err },
		func(p *goose.Provider) error { _, err := p.Up(s.ctx); return err },
	} {
		provider, err := s.schema(dialect)
		s.must(err)
		s.must(dir(provider))
	}
	check()

	s.same(s.drain(), []string{"event Cart Viewed cart/ana"}) // what was on its way
	s.publishes([]*journey.Definition{cart(renewed), weekly(everyDay("09:00", "")), gold(`customer.tier == "gold"`)}, reminder())
	s.same(s.migrates(Migration{Renamed: map[string]string{"response": "answer"}}), []string{"ana ordered response>answer"})
	s.same(s.drain(), []string{"migrate cart/ana"})
	_, err = s.Move(s.ctx, noon, contract.Move{Ref: ref(s.byID("e1")), To: cart(renewed).Revision(), Step: "answer"})
	s.must(err)
	s.same(s.byID("e1").Step, "answer")
	// Zones that older builds did not note are found; whoever was in a state before has not turned.
	s.same(s.runs(utcTime("2026-03-03T00:00:00Z")), []string{"ana"})
	s.same(s.runs(utcTime("2026-03-03T09:00:00Z")), []string{"ben"})
	s.same(s.entered(s.track("ana", "Seen", nil), s.identify("ben", props{"tier": "gold"})), []int{0, 1})
}

// firstRelease writes, into a schema of version 2, two customers, of whom one is in a journey.
func firstRelease(s *suite) {
	s.Helper()
	packed, err := journey.Pack(cart())
	s.must(err)
	content, err := jsonText(
		manifest{Journeys: map[string]string{"cart": cart().Revision()}, Messages: map[string]*journey.Message{"reminder": reminder()}},
	)
	s.must(err)
	exec := func(statement string, args ...any) {
		s.Helper()
		_, err := s.writer.ExecContext(s.ctx, statement, args...)
		s.must(err)
	}
	exec(
		`insert into definitions (revision, journey, packed, at) values ($1, 'cart', $2, 0)`,
		cart().Revision(),
		base64.StdEncoding.EncodeToString(packed),
	)
	exec(`insert into releases (number, content, at) values (1, $1, 0)`, content)
	exec(`update settings set value = '1' where key = 'release'`)
	for id, traits := range map[string]string{"ana": `{"timezone":"Asia/Tokyo","tier":"gold"}`, "ben": `{"note":"\u0000"}`} {
		exec(`insert into customers (id, version, traits, created_at) values ($1, 3, $2, $3)`, id, traits, millis(noon.Add(-time.Hour)))
	}
	for i, name := range []string{"Cart Updated", "Cart Viewed"} {
		exec(
			`insert into events (id, customer, name, at, received_at, n, properties, source, depth) values ($1, 'ana', $2, $3, $3, 1, '{"cart_id":"1"}', 'http', 0)`,
			fmt.Sprint("old", i),
			name,
			millis(noon),
		)
	}
	exec(
		`insert into enrollments (id, workflow_id, journey, revision, customer, entry_key, entry_event, entry_name, depth, entered_at, state, holdout, chain, report_seq, step, step_kind, since_at, until_at, head, tail)
		values ('e1', 'cart/ana', 'cart', $1, 'ana', '', 'old0', 'Cart Updated', 0, $2, 'open', 0, 'run-e1', 2, 'response', 'wait_for', $2, $3, 2, 2)`,
		cart().Revision(),
		millis(noon),
		millis(noon.Add(time.Hour)),
	)
	exec(`insert into deliveries (enrollment, seq, kind, event, body, at) values ('e1', 2, 'event', 'old1', '', $1)`, millis(noon))
	for _, p := range []struct {
		seq, n, visit int
		step, outcome string
	}{{1, 0, 1, "split", "a"}, {1, 1, 1, "response", ""}, {2, 0, 1, "response", ""}, {2, 1, 2, "split", "b"}} { // a report that was cancelled behind its commit was told twice
		exec(
			`insert into passages (enrollment, seq, n, step, kind, visit, at, outcome) values ('e1', $1, $2, $3, 'x', $4, $5, $6)`,
			p.seq,
			p.n,
			p.step,
			p.visit,
			millis(noon),
			p.outcome,
		)
	}
}

// passages are an instance's, in order.
func (s *suite) passages(enrollment string) []string {
	s.Helper()
	var out []string
	r, err := s.writer.QueryContext(
		s.ctx,
		`select step, visit, arm, outcome from passages where enrollment = $1 order by seq, n`,
		enrollment,
	)
	s.must(err)
	defer r.Close()
	for r.Next() {
		var step, arm, outcome string
		var visit int
		s.must(r.Scan(&step, &visit, &arm, &outcome))
		out = append(out, fmt.Sprintf("%s/%d %s%s", step, visit, arm, outcome))
	}
	s.must(r.Err())
	return out
}

// A report that was cancelled behind its commit is told again by the next one: each passage stands once, in its place.
func TestPassagesAreWrittenOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		pass := func(step string, visit int, arm string, at time.Time) contract.Passage {
			return contract.Passage{Step: step, Kind: "branch", Visit: visit, At: at, Arm: arm}
		}
		first := []contract.Passage{
			pass("a", 1, "1", noon),
			pass("b", 0, contract.ArmSkipped, noon),
			pass("a", 2, "else", noon.Add(time.Second)),
			pass("b", 0, contract.ArmSkipped, noon.Add(time.Second)),
		}
		s.must(s.Report(s.ctx, noon, contract.Report{Ref: ref(e), Seq: 1, Passed: first}))
		s.must(
			s.Report(
				s.ctx,
				noon,
				contract.Report{
					Ref:    ref(e),
					Seq:    2,
					Passed: append(first, pass("b", 1, "2", noon.Add(2*time.Second)), pass("b", 1, "2", noon.Add(2*time.Second))),
				},
			),
		)
		s.same(s.passages(e.ID), []string{"a/1 1", "b/0 skipped", "a/2 else", "b/0 skipped", "b/1 2"})
	})
}
