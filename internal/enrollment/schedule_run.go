package enrollment

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// RunSchedules enters customers into journeys whose scheduled time has come. Each call handles a bounded number of
// customers under a lease (wall time). more reports whether to call again at once. See docs/decisions/0004.
func (s *Room) RunSchedules(ctx context.Context, now, wall time.Time) (more bool, err error) {
	rel, err := s.db.Current(ctx, s.db.Reader)
	if err != nil {
		return false, sqldb.DatabaseError(err)
	}
	if len(rel.Scheduled) == 0 {
		return false, nil
	}
	idle := true
	if err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		all, err := s.plan(ctx, tx, now)
		for _, p := range all {
			idle = idle && !p.unknown && !p.free(now, wall)
		}
		return err
	}); err != nil || idle {
		return false, err
	}
	p, more, err := s.TakeMoment(ctx, now, wall)
	if err != nil || p == nil {
		return more, err
	}
	finished := false
	for range schedulePages {
		if finished, err = s.SchedulePage(ctx, now, p); err != nil || finished {
			break
		}
	}
	if errors.Is(err, unit.ErrSuperseded) { // another process has the lease
		return true, nil
	}
	if err == nil && !finished {
		err = s.db.Write(ctx, func(tx sqldb.Conn) error {
			_, err := tx.ExecContext(
				ctx,
				`update schedule_zones set lease_until = 0 where journey = $1 and zone = $2 and token = $3`,
				p.journey,
				p.zone,
				p.token,
			)
			return err
		})
	}
	return err == nil && (more || !finished), err
}

// TakeMoment leases the first scheduled time that has come and is not leased. more reports whether there are others.
func (s *Room) TakeMoment(ctx context.Context, now, wall time.Time) (taken *progress, more bool, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		taken, more = nil, false
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range rel.Scheduled {
			if _, err := tx.ExecContext(ctx, `insert into schedules (journey, spec, since_at) values ($1, $2, $3) on conflict (journey)
			do nothing`, t.Name, t.Spec, sqldb.Millis(now)); err != nil {
				return err
			}
		}
		all, err := s.plan(ctx, tx, now)
		if err != nil {
			return err
		}
		for i := range all {
			p := &all[i]
			if !p.free(now, wall) {
				continue
			}
			if taken != nil {
				more = true
				break
			}
			n, err := sqldb.Affected(
				ctx,
				tx,
				`insert into schedule_zones (journey, zone, done_at, moment, lease_until, token) values ($1, $2, $3, $4, $5, 1)
				on conflict (journey, zone) do update set done_at = excluded.done_at, moment = excluded.moment, lease_until =
				excluded.lease_until,
					reached = case when schedule_zones.moment = excluded.moment then schedule_zones.reached else '' end, token =
					schedule_zones.token + 1
				where schedule_zones.token = $6 and schedule_zones.lease_until <= $7`,
				p.journey,
				p.zone,
				p.done,
				sqldb.Millis(p.next),
				sqldb.Millis(wall.Add(scheduleLease)),
				p.token,
				sqldb.Millis(wall),
			)
			if err != nil {
				return err
			}
			if n > 0 {
				p.moment, p.token = sqldb.Millis(p.next), p.token+1
				taken = p
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return taken, more, nil
}

// SchedulePage enters a page of customers, in id order, and stores how far it came, in one transaction.
func (s *Room) SchedulePage(ctx context.Context, now time.Time, p *progress) (finished bool, err error) {
	reached := p.reached
	err = s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		finished, reached = false, p.reached
		n, err := sqldb.Affected(
			ctx,
			tx,
			`update schedule_zones set token = token where journey = $1 and zone = $2 and token = $3 and moment = $4`,
			p.journey,
			p.zone,
			p.token,
			p.moment,
		)
		if err != nil {
			return err
		}
		rel, err := b.Release(ctx)
		if err != nil {
			return err
		}
		program := rel.Programs[p.journey]
		if n == 0 || program == nil || program.Entry.Schedule == nil {
			return unit.ErrSuperseded // the schedule was published again, or the lease is lost
		}
		paused, err := pausedJourney(ctx, b, p.journey)
		if err != nil {
			return err
		}
		looked := 0
		if !paused {
			if looked, err = enterPage(ctx, b, p, program, &reached); err != nil {
				return err
			}
		}
		if finished = looked < schedulePage; finished {
			_, err = tx.ExecContext(
				ctx,
				`update schedule_zones set done_at = moment, moment = 0, reached = '', lease_until = 0 where journey = $1 and zone = $2`,
				p.journey,
				p.zone,
			)
		} else {
			_, err = tx.ExecContext(ctx, `update schedule_zones set reached = $3 where journey = $1 and zone = $2`, p.journey, p.zone,
				reached)
		}
		return err
	})
	if err == nil {
		p.reached = reached
	}
	return finished, err
}

// enterPage reads the customers after reached who existed and were in the zone at the scheduled time, and enters those for
// whom the journey's condition is true.
func enterPage(ctx context.Context, b *unit.Unit, p *progress, program *journey.Program, reached *string) (looked int, err error) {
	at := sqldb.Moment(p.moment)
	ev := customer.Event{
		Name: event.JourneyScheduled, Source: customer.SourceSchedule, At: p.moment, Received: sqldb.Millis(b.Now), Lazy: true,
	}
	if ev.Properties, ev.Text, err = sqldb.Normal(map[string]any{"scheduled_at": at.Format(time.RFC3339)}); err != nil {
		return 0, err
	}
	page, err := customer.InZone(ctx, b.Tx, p.zone, *reached, p.moment, schedulePage)
	if err != nil || len(page) == 0 {
		return 0, err
	}
	traits := map[string]map[string]any{}
	for _, c := range page {
		traits[c.ID] = c.Traits
	}
	scores, err := intent.ScoresOfPage(ctx, b, program, traits)
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, c := range page {
		*reached = c.ID
		vars := expr.Vars{
			Customer:  unit.TraitsOf(c.ID, c.Traits),
			Entry:     ev.Properties,
			Event:     ev.Properties,
			EventName: ev.Name,
			Now:       b.Now,
			Intent:    scores[c.ID],
			Vars:      program.Vars,
			History:   &customer.History{Ctx: ctx, Tx: b.Tx, Customer: c.ID, Now: b.Now},
		}
		if program.Test(program.Entry.When, vars) {
			ids = append(ids, c.ID)
		} else {
			notEntered(b, program, c.ID, vars)
		}
	}
	return len(page), enterScheduled(ctx, b, p, ev, ids)
}

// enterScheduled locks the customers who may enter, and decides again under the lock.
func enterScheduled(ctx context.Context, b *unit.Unit, p *progress, ev customer.Event, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := b.Lock(ctx, ids); err != nil {
		return err
	}
	prefix := event.SchedulePrefix + p.journey + "/" + sqldb.Moment(p.moment).Format(time.RFC3339) + "/"
	// entered at this scheduled time, also before a merge
	before, err := customer.WithEventAt(ctx, b.Tx, ids, event.JourneyScheduled, p.moment, prefix)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(b.Customers)) {
		person := b.Customers[id]
		if person.Merged != "" || before[id] {
			continue
		}
		own := ev
		own.ID, own.Customer = prefix+id, id
		if err := enterNoted(ctx, b, person, entry{journey: p.journey, event: &own, at: own.Planned()}, nil); err != nil {
			return err
		}
	}
	return nil
}
