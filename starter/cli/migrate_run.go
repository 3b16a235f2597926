package cli

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

// migration moves the instances of a journey.
type migration struct {
	remote   remote
	journey  string
	renamed  map[string]string
	dryRun   bool
	noWait   bool
	rate     float64
	patience time.Duration
	progress *progress

	warnings []string
	waiting  map[string]api.MigrationStatus // told to move, by enrollment, until they answer
}

// askPause is how long it is between two looks at what became of the orders.
const askPause = 250 * time.Millisecond

// survey says what would happen, and to whom; nothing changes.
func (m *migration) survey(ctx context.Context) (migrateReport, error) {
	r := migrateReport{Journey: m.journey, DryRun: m.dryRun, Impact: []impact{}, Stayed: []api.MigrationStatus{}}
	list, err := m.remote.standing(ctx, m.journey)
	if err != nil {
		return r, err
	}
	standing := list.Journeys
	if len(standing) == 0 || standing[0].Current == "" {
		return r, &app.ExitError{
			Code: app.ExitBad,
			Err:  fmt.Errorf("the current release has no journey %q: publish the revision to move to first", m.journey),
		}
	}
	r.To = standing[0].Current
	suggest, err := m.suggestions(standing[0])
	if err != nil {
		return r, err
	}
	found := map[impact]int{}
	for after := ""; ; {
		got, err := m.page(ctx, after, page, true)
		if err != nil {
			return r, err
		}
		for _, one := range got.Migrations {
			i := impact{From: one.From, Step: one.Step, Target: one.Target, Suggest: suggest[[2]string{one.From, one.Step}]}
			if one.State == enrollment.MigrationRefused {
				i.Reason = one.Reason
				r.Stayed = append(r.Stayed, one)
			} else {
				i.Suggest = ""
			}
			found[i]++
		}
		if after = got.Next; after == "" {
			break
		}
	}
	for i, n := range found {
		i.Instances = n
		r.Impact = append(r.Impact, i)
	}
	slices.SortFunc(r.Impact, func(a, b impact) int {
		return cmp.Or(
			cmp.Compare(a.From, b.From),
			cmp.Compare(a.Step, b.Step),
			cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Target, b.Target),
		)
	})
	return r, nil
}

// suggestions compares the revisions with open instances with the current one: it finds which steps look
// renamed, what customers may not expect, and slips in the names of steps.
func (m *migration) suggestions(s api.JourneyStepCounts) (map[[2]string]string, error) {
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
	for _, old := range slices.Sorted(maps.Keys(m.renamed)) {
		if !known[old] {
			return nil, app.Usage("--step %s=%s: no revision with open instances has a step %q", old, m.renamed[old], old)
		}
	}
	out := map[[2]string]string{}
	for _, rev := range s.Revisions {
		if rev.Revision == s.Current {
			continue
		}
		d, moves, err := revisionMoves(rev, now, m.renamed)
		if err != nil {
			return nil, err
		}
		for step, move := range moves {
			out[[2]string{rev.Revision, step}] = move.Suggest
		}
		m.warnings = append(m.warnings, d.Warnings...)
	}
	slices.Sort(m.warnings)
	m.warnings = slices.Compact(m.warnings)
	return out, nil
}

// page asks for a page of the migration.
func (m *migration) page(ctx context.Context, after string, limit int, dryRun bool) (api.MigratePage, error) {
	return api.Migrate.Call(ctx, &m.remote, api.MigrateInput{Body: api.MigrateRequest{
		Journey: m.journey, Renamed: m.renamed, DryRun: dryRun, After: after, Limit: limit,
	}})
}

// run tells the instances to move, at the rate, and waits for their answers.
func (m *migration) run(ctx context.Context, r *migrateReport) error {
	began, total := clock.Wall(), r.movable()
	defer m.progress.end()
	r.Stayed = []api.MigrationStatus{}
	m.waiting = map[string]api.MigrationStatus{}
	for after := ""; ; {
		got, err := m.page(ctx, after, min(max(int(m.rate/2), 1), page), false)
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
		m.progress.draw(min(float64(r.Ordered)/float64(max(total, 1)), 1), fmt.Sprintf("%d of %d requested", r.Ordered, total))
		if after = got.Next; after == "" {
			break
		}
		if err := clock.Wait(ctx, began.Add(time.Duration(float64(r.Ordered)/m.rate*float64(time.Second)))); err != nil {
			return m.interrupted(ctx, err)
		}
	}
	if !m.noWait {
		if err := m.answers(ctx, r); err != nil {
			return err
		}
	}
	r.Waiting = len(m.waiting)
	r.Seconds = clock.Wall().Sub(began).Seconds()
	return nil
}

func (m *migration) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &app.ExitError{
			Code: app.ExitBad,
			Err:  errors.New("interrupted: requested migrations continue; run the same command to resume"),
		}
	}
	return err
}

// answers waits until every instance that was told to move has answered, or ended.
func (m *migration) answers(ctx context.Context, r *migrateReport) error {
	behind, last := "", clock.Wall() // up to behind, everyone has answered
	for len(m.waiting) > 0 {
		before := len(m.waiting)
		var err error
		if behind, err = m.look(ctx, behind, r); err != nil {
			return m.interrupted(ctx, err)
		}
		now := clock.Wall()
		if len(m.waiting) < before {
			last = now
		}
		m.progress.draw(
			1-float64(len(m.waiting))/float64(r.Ordered),
			fmt.Sprintf("%d of %d moved, %d stay", r.Moved, r.Ordered, len(r.Stayed)),
		)
		if now.Sub(last) > m.patience {
			return &app.ExitError{
				Code: app.ExitBad,
				Err: fmt.Errorf(
					"%d of %d have not answered for %s: is a worker running? Requested migrations continue; run the same command to resume",
					len(m.waiting),
					r.Ordered,
					m.patience,
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

// look reads what became of the orders behind an enrollment, and gives up to where all is settled. An order
// that is gone is that of an instance which ended.
func (m *migration) look(ctx context.Context, behind string, r *migrateReport) (string, error) {
	expected := slices.Sorted(maps.Keys(m.waiting))
	settled, at := true, behind
	for {
		got, err := api.ListMigrations.Call(ctx, &m.remote, api.MigrationFilter{Journey: m.journey, After: at, Limit: page})
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

// gone takes those off the list that should have stood before id, and are not there any more; empty: all.
func (m *migration) gone(expected []string, id string, r *migrateReport) []string {
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
