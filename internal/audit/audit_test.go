package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

type suite struct{ *enginetest.Suite }

func each(t *testing.T, f func(s *suite)) {
	t.Helper()
	enginetest.Each(t, func(s *enginetest.Suite) { f(&suite{s}) })
}

func (s *suite) record(e audit.Entry) {
	s.T.Helper()
	s.Must(s.Audit.Record(s.Ctx, e))
}

// said returns the entries of a filter, oldest first, as "who what on customer: result".
func (s *suite) said(f audit.Filter) (out []string) {
	s.T.Helper()
	f.OldestFirst = true
	list, err := s.Audit.List(s.Ctx, f)
	s.Must(err)
	for _, e := range list {
		out = append(out, fmt.Sprintf("%s %s on %s: %s", e.Who, e.What, e.Customer, e.Result))
	}
	return out
}

func (s *suite) verify() audit.Verification {
	s.T.Helper()
	v, err := s.Audit.Verify(s.Ctx)
	s.Must(err)
	return v
}

func (s *suite) exec(query string) {
	s.T.Helper()
	s.Must(s.Database.Write(s.Ctx, func(tx sqldb.Conn) error {
		_, err := tx.ExecContext(s.Ctx, query)
		return err
	}))
}

// The entry is stored by the first transaction that commits, with it, and once.
func TestActIsRecordedWithItsTransaction(t *testing.T) {
	each(t, func(s *suite) {
		ctx, act := s.Audit.Begin(s.Ctx, audit.Entry{Who: "lea", What: "handoff.claim"})
		audit.Of(ctx).About("ana", "cart")
		refusal := errors.New("no")
		err := s.Database.Write(ctx, func(sqldb.Conn) error { return refusal })
		s.Equal(errors.Is(err, refusal), true)
		s.Equal(s.said(audit.Filter{}), []string(nil))
		for range 2 {
			s.Must(s.Database.Write(ctx, func(sqldb.Conn) error { return nil }))
		}
		s.Equal(s.said(audit.Filter{}), []string{"lea handoff.claim on ana: ok"})
		s.Must(act.Done(ctx, audit.OK, ""))
		s.Equal(len(s.said(audit.Filter{})), 1)
		s.Must(act.Done(ctx, audit.Failed, "internal")) // after the commit something broke
		s.Equal(s.said(audit.Filter{}), []string{"lea handoff.claim on ana: ok", "lea handoff.claim on ana: failed"})
	})
}

// What is refused has no transaction; what belongs to somebody else's work does not carry the entry.
func TestRefusedActIsRecorded(t *testing.T) {
	each(t, func(s *suite) {
		ctx, act := s.Audit.Begin(s.Ctx, audit.Entry{Who: "lea", What: "handoff.claim", Customer: "ana"})
		s.Must(s.Database.Write(sqldb.WithoutLast(ctx), func(sqldb.Conn) error { return nil }))
		s.Must(act.Done(ctx, audit.Refused, "not_found"))
		list, err := s.Audit.List(s.Ctx, audit.Filter{})
		s.Must(err)
		s.Equal([]string{list[0].Result, list[0].Reason}, []string{audit.Refused, "not_found"})
		s.Equal(len(list), 1)
	})
}

// If the entry cannot be stored, nothing of the act is.
func TestActIsNotDoneWithoutItsEntry(t *testing.T) {
	each(t, func(s *suite) {
		s.exec(`update settings set value = 'broken' where key = 'audit'`)
		ctx, _ := s.Audit.Begin(s.Ctx, audit.Entry{Who: "lea", What: "customer.forget"})
		err := s.Database.Write(ctx, func(tx sqldb.Conn) error { return sqldb.SetSetting(ctx, tx, "done", "yes") })
		if err == nil || !strings.Contains(err.Error(), "audit log") {
			t.Errorf("got error %v", err)
		}
		done, err := s.Database.Setting(s.Ctx, "done")
		s.Must(err)
		s.Equal(done, "")
	})
}

func TestLooksAreRecordedOnceInAWhile(t *testing.T) {
	each(t, func(s *suite) {
		for _, e := range []audit.Entry{
			{Who: "lea", Customer: "ana"}, {Who: "lea", Customer: "ana"}, {Who: "lea", Customer: "ben"}, {Who: "max", Customer: "ana"},
		} {
			e.What = "customer.read"
			ctx, act := s.Audit.Look(s.Ctx, e)
			s.Must(act.Done(ctx, audit.OK, ""))
		}
		s.Equal(s.said(audit.Filter{}), []string{
			"lea customer.read on ana: ok", "lea customer.read on ben: ok", "max customer.read on ana: ok",
		})
	})
}

// Strangers cannot fill the log: what is left out is counted.
func TestStrangersAreBounded(t *testing.T) {
	each(t, func(s *suite) {
		for i := range 500 {
			s.record(audit.Entry{What: "signin", Result: audit.Refused, Reason: "bad_token", Peer: fmt.Sprintf("192.0.2.%d", i%100)})
		}
		if n := len(s.said(audit.Filter{Limit: 1000})); n != 60 {
			t.Errorf("%d entries", n)
		}
		s.record(audit.Entry{Who: "lea", What: "signin", Result: audit.Refused})
		s.Equal(len(s.said(audit.Filter{Who: "lea"})), 1)
	})
}

func TestFilters(t *testing.T) {
	each(t, func(s *suite) {
		for _, e := range []audit.Entry{
			{Who: "lea", What: "handoff.claim", Customer: "ana", Journey: "cart"},
			{Who: "max", What: "handoff.resolve", Customer: "anonymous:7", Journey: "cart"},
			{Who: "max", What: "handoffs", At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		} {
			s.record(e)
		}
		for name, c := range map[string]struct {
			f    audit.Filter
			want int
		}{
			"all":       {audit.Filter{}, 3},
			"customers": {audit.Filter{Customers: []string{"ana", "anonymous:7"}}, 2},
			"nobody":    {audit.Filter{Customers: []string{}}, 0},
			"journey":   {audit.Filter{Journey: "cart"}, 2},
			"who":       {audit.Filter{Who: "max"}, 2},
			"what":      {audit.Filter{What: "handoff.claim"}, 1},
			"all of":    {audit.Filter{What: "handoff.*"}, 2},
			"since":     {audit.Filter{Since: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)}, 2},
			"page":      {audit.Filter{After: 2, OldestFirst: true}, 1},
			"last page": {audit.Filter{After: 2}, 1},
		} {
			list, err := s.Audit.List(s.Ctx, c.f)
			s.Must(err)
			if len(list) != c.want {
				t.Errorf("%s: %d entries, want %d", name, len(list), c.want)
			}
		}
	})
}

// A name is one line, in one direction, and no longer than it may be.
func TestNamesAreOneLine(t *testing.T) {
	each(t, func(s *suite) {
		name := "lea\n2026 admin \u202eibat\x1b[31m"
		s.record(audit.Entry{Who: name, What: "handoff.claim", Door: audit.Temporal, Detail: audit.Detail{"agent": "a\rb"}})
		s.record(audit.Entry{Who: strings.Repeat("ü", 2000), What: "handoff.claim"})
		list, err := s.Audit.List(s.Ctx, audit.Filter{OldestFirst: true})
		s.Must(err)
		s.Equal(list[0].Who, `lea\u000a2026 admin \u202eibat\u001b[31m`)
		s.Equal(list[0].Detail["agent"], `a\u000db`)
		s.Equal(list[1].Who, strings.Repeat("ü", 500)+"…")
		s.Equal(len(s.said(audit.Filter{Who: name})), 1)
		s.Equal(s.verify().Problems, []string{})
	})
}

func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ query, want string }{
		"nothing":            {`delete from audit_log where seq = 99`, ""},
		"a changed name":     {`update audit_log set who = 'max' where seq = 2`, "entry 2 was changed"},
		"a changed customer": {`update audit_log set customer = 'ben' where seq = 2`, "entry 2 was changed: its object, customer"},
		"a changed detail":   {`update audit_log set detail = '{}' where seq = 2`, "entry 2 was changed: its object, customer"},
		"hidden as erased":   {`update audit_log set salt = '' where seq = 2`, "entry 2 was changed: it has details"},
		"a missing entry":    {`delete from audit_log where seq = 3`, "entries 3 to 3 are missing"},
		"a missing start":    {`delete from audit_log where seq = 1`, "entries 1 to 1 are missing"},
		"a missing end":      {`delete from audit_log where seq > 3`, "entries 4 to 5, the newest, are missing"},
		"two that changed places": {`update audit_log set seq = case seq when 2 then -3 when 3 then -2 else seq end where seq in (2, 3);
			update audit_log set seq = -seq where seq < 0`, "entry 2 was changed"},
		"a changed start after retention": {`delete from audit_log where seq < 3;
			update settings set value = '2 ' || (select hash from audit_log where seq = 3) where key = 'audit_start'`,
			"entry 3 was changed, or the one before it"},
		"a missing start after retention": {`update settings set value = '2 ' || (select hash from audit_log where seq = 2)
			where key = 'audit_start'; delete from audit_log where seq <= 3`, "entries 3 to 3 are missing"},
		"an added end": {`insert into audit_log select 6, at, who, subject, role, door, peer, what, kind, id, customer, journey, result,
			reason, detail, salt, digest, hash from audit_log where seq = 5`, "entry 6 was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *suite) {
				for range 5 {
					s.record(audit.Entry{Who: "lea", What: "handoff.claim", ID: "h1", Customer: "ana",
						Detail: audit.Detail{"outcome": "won"}})
				}
				s.Equal(s.verify().Problems, []string{})
				s.exec(c.query)
				found := strings.Join(s.verify().Problems, "\n")
				if c.want == "" && found != "" || !strings.Contains(found, c.want) {
					t.Errorf("found %q, want %q", found, c.want)
				}
			})
		})
	}
}

// Who is forgotten, and what is kept no longer, leaves the log without breaking the chain.
func TestChainHoldsWhenEntriesGo(t *testing.T) {
	each(t, func(s *suite) {
		old := time.Now().Add(-48 * time.Hour)
		for i := range 7 {
			s.record(audit.Entry{At: old, Who: "lea", What: "customer.read", ID: "ana", Customer: "ana",
				Detail: audit.Detail{"n": fmt.Sprint(i)}})
		}
		s.record(audit.Entry{Who: "lea", What: "customer.read", ID: "ben", Customer: "ben"})
		s.Must(s.Database.Write(s.Ctx, func(tx sqldb.Conn) error {
			n, err := audit.Forget(s.Ctx, tx, []string{"ana", "anonymous:7"}, "forgotten:1", 100, false)
			s.Equal(n, int64(7))
			return err
		}))
		v := s.verify()
		s.Equal([]int64{v.Entries, v.Erased}, []int64{8, 7})
		s.Equal(v.Problems, []string{})
		for _, want := range []int64{5, 2, 0} {
			n, err := s.Audit.Prune(s.Ctx, time.Now().Add(-24*time.Hour), 5)
			s.Must(err)
			s.Equal(n, want)
		}
		v = s.verify()
		s.Equal([]int64{v.Entries, v.First, v.Last, v.Deleted}, []int64{1, 8, 8, 7})
		s.Equal(v.Problems, []string{})
		s.record(audit.Entry{Who: "lea", What: "customer.read"})
		s.Equal(s.verify().Last, int64(9))
	})
}

func TestConcurrentActsMakeOneChain(t *testing.T) {
	each(t, func(s *suite) {
		var all sync.WaitGroup
		failed := make(chan error, 8)
		for range 8 {
			all.Go(func() {
				for range 5 {
					ctx, _ := s.Audit.Begin(s.Ctx, audit.Entry{Who: "lea", What: "handoff.claim"})
					if err := s.Database.Write(ctx, func(sqldb.Conn) error { return nil }); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		all.Wait()
		close(failed)
		s.Must(<-failed)
		v := s.verify()
		s.Equal([]int64{v.Entries, v.Last}, []int64{40, 40})
		s.Equal(v.Problems, []string{})
	})
}

// Two gateways, each with connections of its own, write one chain.
func TestTwoGatewaysWriteOneChain(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	var all sync.WaitGroup
	failed := make(chan error, 2)
	var one *engine.Engine
	for n := range 2 {
		e, err := engine.Open(t.Context(), engine.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		one = e
		all.Go(func() {
			for range 50 {
				if err := e.Audit.Record(t.Context(), audit.Entry{Who: fmt.Sprint(n), What: "handoff.claim"}); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	v, err := one.Audit.Verify(t.Context())
	if err != nil || v.Entries != 100 || v.Last != 100 || len(v.Problems) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// Each entry is one line, by whichever process comes first, without ids of customers.
func TestEntriesAreLogged(t *testing.T) {
	each(t, func(s *suite) {
		for range 5 {
			s.record(audit.Entry{
				Who: "lea", Subject: "u-1", Peer: "192.0.2.1", What: "customer.read", Kind: "customer", ID: "ana", Customer: "ana",
			})
		}
		core, lines := observer.New(zapcore.InfoLevel)
		var all sync.WaitGroup
		failed := make(chan error, 2)
		for range 2 {
			all.Go(func() {
				for more := true; more; {
					var err error
					if more, err = s.Audit.Log(context.WithoutCancel(s.Ctx), zap.New(core), 2); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		all.Wait()
		close(failed)
		s.Must(<-failed)
		s.Equal(lines.Len(), 5)
		for i, line := range lines.All() {
			s.Equal(line.ContextMap()["seq"], int64(i+1))
			text := fmt.Sprint(line.ContextMap())
			if strings.Contains(text, "ana") || strings.Contains(text, "lea") || !strings.Contains(text, "u-1") {
				t.Errorf("a line names the customer or the person: %v", line.ContextMap())
			}
		}
	})
}

func TestMaskedAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"ana@example.com": "a…@example.com", "+491704711": "…4711", "": "…", "@x": " …@x"} {
		if got := audit.MaskAddress(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
