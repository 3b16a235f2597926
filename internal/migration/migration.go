// Package migration moves the open enrollments of a journey to its current revision through a gateway.
package migration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Migration moves the open enrollments of a journey.
type Migration struct {
	Gateway  api.Caller
	Journey  string
	Renamed  map[string]string // step ids: old to new
	Retime   bool              // waits end as the new revision says, counted from when they began
	DryRun   bool              // for the report only: Survey changes nothing in any case
	NoWait   bool              // Run does not wait until the enrollments have moved
	Rate     float64           // moves requested per second at most
	Patience time.Duration     // how long Run waits while no enrollment answers
	Progress func(part float64, words string)

	Warnings []string // found by Survey

	waiting map[string]api.MigrationStatus // moves requested, by enrollment, until they are answered
}

// pageSize is the number of enrollments per request.
const pageSize = 1000

// askPause is the pause between two requests for the results of the moves.
const askPause = 250 * time.Millisecond

// Survey reports which enrollments would move and which would stay. It changes nothing.
func (m *Migration) Survey(ctx context.Context) (Report, error) {
	r := Report{Journey: m.Journey, DryRun: m.DryRun, Impact: []Impact{}, Stayed: []api.MigrationStatus{}}
	list, err := api.GetStepCounts.Call(ctx, m.Gateway, api.JourneyFilter{Journey: m.Journey})
	if err != nil {
		return r, err
	}
	standing := list.Journeys
	if len(standing) == 0 || standing[0].Current == "" {
		return r, &app.ExitError{
			Code: app.ExitBad,
			Err:  fmt.Errorf("the current release has no journey %q: publish the revision to move to first", m.Journey),
		}
	}
	r.To = standing[0].Current
	suggest, err := m.suggestions(standing[0])
	if err != nil {
		return r, err
	}
	found := map[Impact]int{}
	for after := ""; ; {
		got, err := m.page(ctx, after, pageSize, true)
		if err != nil {
			return r, err
		}
		for _, one := range got.Migrations {
			i := Impact{From: one.From, Step: one.Step, Target: one.Target, Suggest: suggest[[2]string{one.From, one.Step}]}
			if one.State == enrollment.MigrationRefused {
				i.Reason = one.Reason
				r.Stayed = append(r.Stayed, one)
			} else {
				i.Suggest = ""
				if m.DryRun {
					r.Would = append(r.Would, one)
				}
			}
			found[i]++
		}
		if after = got.Next; after == "" {
			break
		}
	}
	for i, n := range found {
		i.Enrollments = n
		r.Impact = append(r.Impact, i)
	}
	slices.SortFunc(r.Impact, func(a, b Impact) int {
		return cmp.Or(
			cmp.Compare(a.From, b.From),
			cmp.Compare(a.Step, b.Step),
			cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Target, b.Target),
		)
	})
	return r, nil
}

// suggestions compares the revisions that have open enrollments with the current one. It returns, by revision and step,
// the step that looks like a renamed one, and fills Warnings. A name in Renamed that no revision has is an error.
func (m *Migration) suggestions(s api.JourneyStepCounts) (map[[2]string]string, error) {
	var now *journey.Definition
	known := map[string]bool{}
	for _, rev := range s.Revisions {
		d, err := journey.Unpack(rev.Definition)
		if err != nil {
			return nil, fmt.Errorf("revision %s: %w; is the gateway of the same version?", rev.Revision, err)
		}
		for _, step := range d.Steps {
			known[step.ID] = true
		}
		if rev.Revision == s.Current {
			now = d
		}
	}
	for _, old := range slices.Sorted(maps.Keys(m.Renamed)) {
		if !known[old] {
			return nil, app.Usage("--step %s=%s: no revision with open enrollments has a step %q", old, m.Renamed[old], old)
		}
	}
	out := map[[2]string]string{}
	for _, rev := range s.Revisions {
		if rev.Revision == s.Current {
			continue
		}
		d, moves, err := StepMoves(rev, now, m.Renamed)
		if err != nil {
			return nil, err
		}
		for step, move := range moves {
			out[[2]string{rev.Revision, step}] = move.Suggest
		}
		m.Warnings = append(m.Warnings, d.Warnings...)
	}
	slices.Sort(m.Warnings)
	m.Warnings = slices.Compact(m.Warnings)
	return out, nil
}

// page asks for a page of the migration.
func (m *Migration) page(ctx context.Context, after string, limit int, dryRun bool) (api.MigratePage, error) {
	return api.Migrate.Call(ctx, m.Gateway, api.MigrateInput{Body: api.MigrateRequest{
		Journey: m.Journey, Renamed: m.Renamed, Retime: m.Retime, DryRun: dryRun, After: after, Limit: limit,
	}})
}

// Run requests the moves, at the rate, and waits for the answers.
func (m *Migration) Run(ctx context.Context, r *Report) error {
	began, total := clock.Wall(), r.Movable()
	r.Stayed = []api.MigrationStatus{}
	m.waiting = map[string]api.MigrationStatus{}
	for after := ""; ; {
		got, err := m.page(ctx, after, min(max(int(m.Rate/2), 1), pageSize), false)
		if err != nil {
			return m.interrupted(ctx, err)
		}
		for _, one := range got.Migrations {
			if one.State == enrollment.MigrationRefused {
				r.Stayed = append(r.Stayed, one)
				continue
			}
			m.waiting[one.Enrollment] = one
		}
		r.Ordered = len(m.waiting)
		m.Progress(min(float64(r.Ordered)/float64(max(total, 1)), 1), fmt.Sprintf("%d of %d requested", r.Ordered, total))
		if after = got.Next; after == "" {
			break
		}
		if err := clock.Wait(ctx, began.Add(time.Duration(float64(r.Ordered)/m.Rate*float64(time.Second)))); err != nil {
			return m.interrupted(ctx, err)
		}
	}
	if !m.NoWait {
		if err := m.answers(ctx, r); err != nil {
			return err
		}
	}
	r.Waiting = len(m.waiting)
	r.Seconds = clock.Wall().Sub(began).Seconds()
	return nil
}

func (m *Migration) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &app.ExitError{
			Code: app.ExitBad,
			Err:  errors.New("interrupted: requested migrations continue; run the same command to resume"),
		}
	}
	return err
}

// answers waits until every enrollment that was requested to move has answered or ended.
func (m *Migration) answers(ctx context.Context, r *Report) error {
	settled, last := "", clock.Wall() // up to the enrollment settled, everyone has answered
	for len(m.waiting) > 0 {
		before := len(m.waiting)
		var err error
		if settled, err = m.look(ctx, settled, r); err != nil {
			return m.interrupted(ctx, err)
		}
		now := clock.Wall()
		if len(m.waiting) < before {
			last = now
		}
		m.Progress(
			1-float64(len(m.waiting))/float64(r.Ordered),
			fmt.Sprintf("%d of %d moved, %d stay", r.Moved, r.Ordered, len(r.Stayed)),
		)
		if now.Sub(last) > m.Patience {
			return &app.ExitError{
				Code: app.ExitBad,
				Err: fmt.Errorf(
					"%d of %d have not answered for %s: is a worker running? Requested migrations continue; run the same command to resume",
					len(m.waiting),
					r.Ordered,
					m.Patience,
				),
			}
		}
		if len(m.waiting) > 0 {
			if err := clock.Wait(ctx, now.Add(askPause)); err != nil {
				return m.interrupted(ctx, err)
			}
		}
	}
	return nil
}

// look reads the results of the requests after an enrollment, and returns the enrollment up to which all are settled. A
// request that is no longer there belongs to an enrollment that ended.
func (m *Migration) look(ctx context.Context, behind string, r *Report) (string, error) {
	expected := slices.Sorted(maps.Keys(m.waiting))
	settled, at := true, behind
	for {
		got, err := api.ListMigrations.Call(ctx, m.Gateway, api.MigrationFilter{Journey: m.Journey, After: at, Limit: pageSize})
		if err != nil {
			return behind, err
		}
		for _, one := range got.Migrations {
			expected = m.gone(expected, one.Enrollment, r)
			_, mine := m.waiting[one.Enrollment]
			switch {
			case !mine:
			case one.State == enrollment.MigrationDone:
				r.Moved++
				delete(m.waiting, one.Enrollment)
			case one.State == enrollment.MigrationRefused:
				r.Stayed = append(r.Stayed, one)
				delete(m.waiting, one.Enrollment)
			default:
				settled = false
			}
			if settled {
				behind = one.Enrollment
			}
		}
		if at = got.Next; at == "" {
			m.gone(expected, "", r)
			return behind, nil
		}
	}
}

// gone counts the expected enrollments before id (empty: all) as ended, because the list no longer has them. It returns
// the rest of expected.
func (m *Migration) gone(expected []string, id string, r *Report) []string {
	for len(expected) > 0 && (id == "" || expected[0] < id) {
		if _, waits := m.waiting[expected[0]]; waits {
			r.Ended++
			delete(m.waiting, expected[0])
		}
		expected = expected[1:]
	}
	if len(expected) > 0 && expected[0] == id {
		expected = expected[1:]
	}
	return expected
}
