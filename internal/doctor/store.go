package doctor

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/human"
	retained "github.com/tabi-journeys/tabi/internal/retention"
)

func release(ctx context.Context, p *Patient, r *report) {
	number, err := p.store.Database.Setting(ctx, "release")
	switch {
	case err != nil:
		r.fail("", "%s", err)
	case number == "0":
		r.warn("tabi publish DIR", "nothing is published")
	default:
		r.ok("release %s", number)
	}
}

// staleOutbox is how long an entry may wait until it is worth a look.
const staleOutbox = 10 * time.Minute

func outboxAge(ctx context.Context, p *Patient, r *report) {
	counts, err := p.store.Analytics.Counts(ctx)
	if err != nil {
		r.fail("", "%s", err)
		return
	}
	clk, err := p.store.Database.Clock(ctx)
	if err != nil {
		r.fail("", "%s", err)
		return
	}
	if counts.Failing > 0 {
		r.fail("tabi list, and the log of the relay", "%d enrollments whose first entry failed five times or more", counts.Failing)
	}
	switch age := clock.Now(clk).Sub(counts.OldestPending); {
	case counts.Pending == 0:
		r.ok("empty")
	case age > staleOutbox:
		r.warn("see that tabi serve and tabi-worker run, and reach Temporal", "%d entries wait, the oldest for %s", counts.Pending,
			clock.FormatDuration(age.Round(time.Second)))
	default:
		r.ok("%d entries wait, the oldest for %s", counts.Pending, clock.FormatDuration(max(age, 0).Round(time.Second)))
	}
}

func deadLetters(ctx context.Context, p *Patient, r *report) {
	counts, err := p.store.Analytics.Counts(ctx)
	switch {
	case err != nil:
		r.fail("", "%s", err)
	case counts.DeadLetters > 0:
		r.warn("tabi deadletter list", "%d", counts.DeadLetters)
	default:
		r.ok("none")
	}
}

// Ages of API keys that are worth a look.
const (
	oldKey    = 365 * 24 * time.Hour
	unusedKey = 30 * 24 * time.Hour
	endsSoon  = 7 * 24 * time.Hour
)

func keys(ctx context.Context, p *Patient, r *report) {
	now := clock.Wall()
	list, err := p.store.Access.Keys(ctx, now, false)
	if err != nil {
		r.fail("", "%s", err)
		return
	}
	var write, token bool
	for _, k := range list {
		write, token = write || k.Kind != access.TokenKey, token || k.Kind == access.TokenKey
		switch {
		case now.Sub(k.CreatedAt) > oldKey:
			r.warn("tabi keys rotate "+k.ID, "the %s key %q is older than a year", k.Kind, k.Name)
		case k.UsedAt.IsZero() && now.Sub(k.CreatedAt) > unusedKey:
			r.warn("tabi keys revoke "+k.ID, "the %s key %q was never used", k.Kind, k.Name)
		case !k.ExpiresAt.IsZero() && k.ExpiresAt.Sub(now) < endsSoon && !succeeded(list, k):
			r.warn("tabi keys rotate "+k.ID, "the %s key %q ends %s", k.Kind, k.Name, k.ExpiresAt.UTC().Format(time.DateTime)+" UTC")
		}
	}
	c := p.Config
	if c.WriteKeys == "" && !write && !c.Insecure {
		r.warn("tabi keys create server NAME", "no write key exists: every event is refused")
	}
	if c.Tokens == "" && !token && !c.Insecure {
		r.warn("tabi keys create token NAME --role admin --offline", "no token exists: nobody opens the admin API with one")
	}
	if len(r.findings) == 0 {
		r.ok("%d in the store", len(list))
	}
}

// succeeded reports whether a key that ends has a newer one of its family.
func succeeded(list []access.Key, old access.Key) bool {
	for _, k := range list {
		if k.Family == old.Family && k.ID > old.ID {
			return true
		}
	}
	return false
}

func lostEnrollments(ctx context.Context, p *Patient, r *report) {
	clk, err := p.store.Database.Clock(ctx)
	if err != nil {
		r.fail("", "%s", err)
		return
	}
	home, ok, err := cluster.Home(ctx, p.store.Database)
	if found, ask := cluster.Ask(ctx, p.temporal, p.namespace); err != nil || ask != nil || !ok || found.NamespaceID != home.NamespaceID {
		r.skip("Temporal is not the one that the database belongs to")
		return
	}
	rec := background.NewReconciler(background.ReconcilerConfig{
		Enrollments: p.store.Enrollments, Starts: p.store.Outbox, Client: p.temporal, Clock: clk,
		Home: cluster.NewGuard(p.temporal, p.namespace, p.store.Database, &cluster.Connections{}, silent),
	})
	page, err := rec.RestartPage(ctx, background.RestartOptions{DryRun: true, Since: clock.Now(clk).Add(-24 * time.Hour)}, "")
	switch {
	case err != nil:
		r.warn("tabi restart --lost --dry-run", "they cannot be looked for: %s", err)
	case len(page.Restarted) > 0:
		r.fail("tabi restart --lost --dry-run", "%d of the first %d enrollments have no run in Temporal", len(page.Restarted), page.Checked)
	default:
		r.ok("none among the first %d", page.Checked)
	}
}

// idleRetention is how long no process may have deleted, which each does every few seconds.
const idleRetention = time.Hour

// dataRetention finds data on whose end nobody has decided, and what is kept longer than configured.
func dataRetention(ctx context.Context, p *Patient, r *report) {
	keep, err := retained.Parse(p.Config.Retention)
	if err != nil {
		r.fail("", "%s", err)
		return
	}
	if kinds := retained.Undecided(p.Config.Retention); len(kinds) > 0 {
		r.warn("name them in TABI_RETENTION, also those to keep forever", "nobody has decided how long to keep %s: they are kept forever",
			human.Join(kinds))
	}
	rel, err := p.store.Catalog.Current(ctx, p.store.Database.Reader)
	if err != nil {
		r.fail("", "%s", err)
		return
	}
	back := rel.Lookback()
	for _, text := range keep.Longer(back.Sends, back.Events) {
		r.warn("shorten what counts them, or keep them longer", "%s", text)
	}
	if set := keep[retained.Events]; set > 0 && len(back.Ever) > 0 {
		r.warn("count with a duration there", "last, and count without a duration, see only events of the last %s in: %s",
			retained.Words(set), human.Join(back.Ever))
	}
	turn, err := retained.ReadTurn(ctx, p.store.Database.Reader)
	switch wall := clock.Wall(); {
	case err != nil:
		r.fail("", "%s", err)
	case turn.Holder == "":
		r.skip("nothing was deleted yet: no gateway or worker has run for a minute")
	case wall.Sub(turn.Seen) > idleRetention:
		r.warn("see that tabi serve or tabi-worker runs, and their logs", "no process has deleted old data since %s",
			turn.Seen.UTC().Format(time.DateTime)+" UTC")
	case turn.Policy != keep.String():
		r.warn("set the same TABI_RETENTION in every gateway and worker", "the processes delete by %s", turn.Policy)
	}
	if len(r.findings) == 0 {
		passed := "no pass through all customers has ended yet"
		if !turn.Passed.IsZero() {
			passed = "last pass through all customers: " + turn.Passed.UTC().Format(time.DateTime) + " UTC"
		}
		r.ok("%s; %s", keep, passed)
	}
}
