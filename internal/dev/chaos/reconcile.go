package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// result is the outcome of the reconciliation.
type result struct {
	f     *snapshot
	plan  *plan
	p     *providers
	g     *cluster
	bound time.Duration // the most that a send may be late, in wall time

	sends       int // sent, by the ledger
	lost        []string
	duplicates  []string
	late        []lateSend    // latest first
	unknowns    []string      // lines of kind unexplained
	keepHistory []*enrollment // whose histories are kept
	repeated    int           // mails sent twice, with the ledger row saying so
	gaps        int           // mails not received, with the ledger row saying so
	doubted     int           // marketing mails that count as sent, with unknown outcome
	rejected    int           // sends that the provider refused for good
	ended       int           // sends abandoned because the enrollment had ended or was rerouted
	mails       int
	clicked     int // mails whose link was followed
	worst       time.Duration
	replayed    int
	silenced    int           // sends suppressed because the customer is being forgotten
	afterwards  time.Duration // the latest send after a call to forget its customer
	canaries    []string      // where one of a forgotten customer was found
	scanned     int           // runs in Temporal without keys
	unreadable  int           // histories of forgotten customers that Temporal kept
}

func (r *result) lose(format string, args ...any) {
	r.lost = append(r.lost, fmt.Sprintf(format, args...))
}
func (r *result) duplicate(format string, args ...any) {
	r.duplicates = append(r.duplicates, fmt.Sprintf(format, args...))
}
func (r *result) unexplained(format string, args ...any) {
	r.unknowns = append(r.unknowns, fmt.Sprintf(format, args...))
}

// margin is what a send may be late by, in addition to twice the longest outage: three attempts that die with their
// workers, each with a lease of 30 s.
const margin = 90 * time.Second

// reconcile compares what was acknowledged, what the store holds and what the providers received. Every difference is
// one of five kinds:
//
//   - lost: an acknowledged event is not in the store, a planned enrollment does not exist or has not ended, a
//     ledger row has not been settled, or a send that the ledger calls sent was never accepted by the provider. Must
//     be 0.
//   - duplicate: two enrollments for one entry key, one text said under two keys, or a mail that was accepted more
//     often than its ledger row admits. SMTP has no idempotency keys: after a broken connection nobody knows whether
//     the mail went out. tabi then repeats transactional mail and counts the doubt in the row (unknown_count), and
//     does not repeat marketing mail and marks the row (outcome_unknown). A second mail with such a mark is counted,
//     not a duplicate; one without is. Must be 0.
//   - late: a send later than twice the longest outage plus margin after the step was due. Reported with its
//     history, but no failure: on a busy machine the bound is the machine's.
//   - canary: what says who a forgotten customer was, anywhere. Must be 0.
//   - unexplained: everything else that the definition, the events and the faults do not account for: another path
//     through the journey than the language allows, a row without an event, different outcomes in Temporal and in
//     the store, a history that does not replay. Must be 0.
//
// The clocks of the parties differ, and an event was committed at some time between the call and its acknowledgement.
// Where an order of two moments is not certain, both paths are allowed (see pathChecker.slack). So a wrong path may
// go unnoticed now and then; a right one is never reported. Without the fourth kind the run would only prove what
// somebody had thought of. docs/guarantees.md has the promises, docs/chaos-results.md the runs.
func reconcile(f *snapshot, p *plan, providers *providers, g *cluster, done *faultLog) *result {
	r := &result{f: f, plan: p, p: providers, g: g, bound: 2*done.outage + margin}
	byPassage := r.eventsAndEntries()
	for _, pass := range p.passages {
		if p.forgets[pass.customer] != nil {
			continue
		}
		e := r.entry(pass, byPassage[pass.order], done)
		if e == nil {
			continue
		}
		w := &pathChecker{
			r:       r,
			e:       e,
			pass:    pass,
			def:     g.revisions[e.revision],
			events:  byPassage[pass.order],
			entered: f.events[e.entryEvent],
			visits:  map[string]int{},
			sends:   map[string]bool{},
			used:    map[string]bool{},
		}
		if w.entered == nil {
			r.unexplained("%s was entered by event %s, which is not in the store", e.workflow, e.entryEvent)
			continue
		}
		if w.def == nil {
			r.unexplained("%s is on revision %s, which is in no release", e.workflow, e.revision)
			continue
		}
		w.check()
	}
	for _, e := range f.enrollments {
		if unit.IsPseudonym(e.customer) {
			if e.state != "closed" {
				r.lose("enrollment %s of a forgotten customer is %s", e.id, e.state)
			}
			continue
		}
		pass := p.byOrder[e.key]
		if pass == nil || pass.journey != e.journey || pass.customer != e.customer {
			r.unexplained("enrollment %s (%s) belongs to no event that was sent", e.id, e.workflow)
		}
	}
	r.ledger()
	r.providers()
	r.forgets()
	slices.SortFunc(r.late, func(a, b lateSend) int { return cmp.Or(cmp.Compare(b.took, a.took), cmp.Compare(a.row.key, b.row.key)) })
	return r
}

// eventsAndEntries compares the acknowledged events with the store. It returns them by planned enrollment, in order
// of arrival.
func (r *result) eventsAndEntries() map[string][]*storedEvent {
	of := map[string][]*storedEvent{}
	for _, h := range r.plan.events {
		e := r.f.events[h.id]
		gone := r.plan.forgets[h.customer] != nil
		switch {
		case h.acknowledged.Load() == nil:
			r.unexplained("event %s was never acknowledged", h.id)
		case gone && e == nil:
		case gone:
			r.unexplained("event %s of a forgotten customer is in the store", h.id)
		case e == nil:
			r.lose("event %s was acknowledged, and is not in the store", h.id)
		case e.customer != h.customer || e.name != h.name || e.order != h.order:
			r.unexplained("event %s is stored as %s of %s (%s)", h.id, e.name, e.customer, e.order)
		case h.order != "":
			e.by = later(e.from, r.g.clock.At(*h.acknowledged.Load()))
			of[h.order] = append(of[h.order], e)
		}
	}
	for id, e := range r.f.events {
		if r.plan.byID[id] == nil && !e.reported() {
			r.unexplained("the store has an event %s that nobody sent", id)
		}
	}
	for _, events := range of {
		slices.SortFunc(events, func(a, b *storedEvent) int { return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.n, b.n)) })
	}
	return of
}

// entry returns the one enrollment of a plan.
func (r *result) entry(pass *plannedEnrollment, events []*storedEvent, done *faultLog) *enrollment {
	var found []*enrollment
	for _, e := range r.f.enrollments {
		if e.key == pass.order {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 0:
		r.lose("%s of %s: no enrollment", pass.order, pass.journey)
		return nil
	case len(found) > 1:
		r.duplicate("%s of %s: %d enrollments", pass.order, pass.journey, len(found))
		return nil
	}
	e := found[0]
	for _, event := range events { // the first in order of arrival, as far as that is certain
		if event.name != eventNames[pass.journey].entry || event.id == e.entryEvent {
			continue
		}
		if event.by.Before(time.UnixMilli(e.entered)) {
			r.unexplained("%s was entered by %s, though %s arrived first", e.workflow, e.entryEvent, event.id)
		}
	}
	if e.state != "closed" {
		r.lose("%s (%s) has not ended: it is %s", e.workflow, e.id, e.state)
		return nil
	}
	if pass.journey == "trial" && !done.published.IsZero() {
		published := r.g.clock.At(done.published)
		newer := strings.HasSuffix(trialExit(r.g.revisions[e.revision]), "-again")
		entered := time.UnixMilli(e.entered)
		near := r.virtual(10 * time.Second)
		if entered.Before(published.Add(-near)) && newer || entered.After(published.Add(near)) && !newer {
			r.unexplained("%s entered at %s on revision %s; the second was published at %s", e.workflow, entered, e.revision, published)
		}
	}
	return e
}

// trialExit returns the outcome of a definition's last exit.
func trialExit(d *journey.Definition) string {
	if d == nil {
		return ""
	}
	exit, _ := d.Steps[len(d.Steps)-1].Spec.(*journey.Exit)
	if exit == nil {
		return ""
	}
	return exit.Outcome
}

// lateSend is a send after its bound.
type lateSend struct {
	took time.Duration // in wall time
	e    *enrollment
	row  *sendRow
}

func (l lateSend) String() string {
	return fmt.Sprintf(
		"%s was sent %s after it was due, with %d attempts, %d unknown outcomes",
		l.row.key,
		l.took.Round(time.Second),
		l.row.attempts,
		l.row.doubts,
	)
}

// due records how late a send was.
func (r *result) due(e *enrollment, row *sendRow, due time.Time) {
	took := r.g.clock.Real(time.UnixMilli(row.at).Sub(due))
	r.worst = max(r.worst, took)
	if took > r.bound {
		r.late = append(r.late, lateSend{took, e, row})
	}
}

// latest returns a line for each late send.
func (r *result) latest() []string {
	var lines []string
	for _, l := range r.late {
		lines = append(lines, l.String())
	}
	return lines
}

// shown is the number of lines of a kind that are printed; the others are counted.
const shown = 20

// print prints the result, the summary last. It reports whether nothing was lost, duplicated or unexplained.
func (r *result) print() bool {
	for _, part := range []struct {
		name  string
		lines []string
	}{{"lost", sorted(r.lost)}, {"duplicate", sorted(r.duplicates)}, {"late", r.latest()}, {"unexplained", sorted(r.unknowns)},
		{"canary", sorted(r.canaries)}} {
		for i, line := range part.lines {
			if i == shown {
				fmt.Printf("  %s: … and %d more\n", part.name, len(part.lines)-shown)
				break
			}
			fmt.Printf("  %s: %s\n", part.name, line)
		}
	}
	fmt.Printf(
		"over SMTP: %d mails, %d of them repeated after an unknown outcome (transactional), "+
			"%d of unknown outcome and not repeated (marketing), of which %d never arrived; the ledger has each\n",
		r.mails,
		r.repeated,
		r.doubted,
		r.gaps,
	)
	fmt.Printf(
		"refused for good: %d, abandoned by an ended or rerouted enrollment: %d; latest send %s after it was due (bound %s); "+
			"%d histories replayed\n",
		r.rejected,
		r.ended,
		r.worst.Round(time.Second),
		r.bound.Round(time.Second),
		r.replayed,
	)
	fmt.Printf("tracked links: %d mails whose link was followed\n", r.clicked)
	fmt.Printf(
		"forgotten customers: %d sends suppressed, the last send %s after a call; %d runs read without keys, "+
			"%d left unreadable by Temporal\n",
		r.silenced,
		r.afterwards.Round(time.Millisecond),
		r.scanned,
		r.unreadable,
	)
	fmt.Printf(
		"journeys=%d sends=%d lost=%d duplicate=%d late=%d unexplained=%d forgotten=%d canaries=%d\n",
		len(r.f.enrollments),
		r.sends,
		len(r.lost),
		len(r.duplicates),
		len(r.late),
		len(r.unknowns),
		len(r.f.forgets),
		len(r.canaries),
	)
	return len(r.lost)+len(r.duplicates)+len(r.unknowns)+len(r.canaries) == 0
}

func sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}

// virtual converts a duration of wall time to virtual time.
func (r *result) virtual(d time.Duration) time.Duration {
	return time.Duration(float64(d) * r.g.o.scale)
}
