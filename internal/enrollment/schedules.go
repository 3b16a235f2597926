package enrollment

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

const (
	schedulePage  = 200              // customers read in one transaction
	schedulePages = 5                // pages under one lease
	scheduleLease = 30 * time.Second // wall
)

// progress is the state of a journey's schedule in a zone.
type progress struct {
	journey, zone     string
	done, moment      int64
	reached           string
	leaseUntil, token int64
	table             catalog.Timetable
	next              time.Time // the scheduled time to run now or next
	unknown           bool      // its schedule has no row yet
}

// free reports whether the scheduled time has come and nobody has the lease.
func (p *progress) free(now, wall time.Time) bool {
	return !p.next.After(now) && p.leaseUntil <= sqldb.Millis(wall)
}

// plan returns the next scheduled time of every schedule in every zone, earliest first.
func (s *Room) plan(ctx context.Context, tx sqldb.Conn, now time.Time) ([]progress, error) {
	rel, err := s.db.Current(ctx, tx)
	if err != nil || len(rel.Scheduled) == 0 {
		return nil, err
	}
	since := map[string]int64{}
	if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var name, spec string
		var at int64
		err := r.Scan(&name, &spec, &at)
		since[name+"\x00"+spec] = at
		return err
	}, `select journey, spec, since_at from schedules`); err != nil {
		return nil, err
	}
	have := map[[2]string]progress{}
	if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var p progress
		err := r.Scan(&p.journey, &p.zone, &p.done, &p.moment, &p.reached, &p.leaseUntil, &p.token)
		have[[2]string{p.journey, p.zone}] = p
		return err
	}, `select journey, zone, done_at, moment, reached, lease_until, token from schedule_zones`); err != nil {
		return nil, err
	}
	var zones []string
	if slices.ContainsFunc(rel.Scheduled, catalog.Timetable.Own) {
		if zones, err = customer.ZonesInUse(ctx, tx); err != nil {
			return nil, err
		}
	}
	var out []progress
	for _, t := range rel.Scheduled {
		start, published := since[t.Name+"\x00"+t.Spec]
		if !published { // published by a build without schedules
			start = sqldb.Millis(now)
		}
		in := []string{catalog.Everybody}
		if t.Own() {
			in = zones
		}
		for _, zone := range in {
			p, known := have[[2]string{t.Name, zone}]
			if !known {
				p = progress{journey: t.Name, zone: zone, done: start}
			}
			p.table, p.unknown = t, !published
			if p.moment != 0 && p.moment <= sqldb.Millis(now.Add(-catalog.MakeUp)) { // too late to run
				p.done, p.moment, p.reached = p.moment, 0, ""
			}
			if p.moment != 0 {
				p.next = sqldb.Moment(p.moment)
			} else if p.next, known = t.Next(zone, max(p.done, start), now); !known {
				continue
			}
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b progress) int { return a.next.Compare(b.next) })
	return out, nil
}

// NextSchedule returns the virtual time of the next entry by schedule, which may be past. It is zero if no journey has a
// schedule.
func (s *Room) NextSchedule(ctx context.Context, now time.Time) (time.Time, error) {
	var next time.Time
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		all, err := s.plan(ctx, tx, now)
		if err == nil && len(all) > 0 {
			next = all[0].next
		}
		return err
	})
	return next, err
}

// publishSchedules stores since when the journeys of a release have their schedules. A new schedule starts at its next
// time.
func publishSchedules(ctx context.Context, tx sqldb.Conn, now time.Time, c *journey.Content) error {
	keep := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Journeys)) {
		schedule := c.Journeys[name].Entry.Schedule
		if schedule == nil {
			continue
		}
		keep[name] = true
		spec, err := sqldb.JSONText(schedule)
		if err != nil {
			return err
		}
		same, err := sqldb.Exists(ctx, tx, `select 1 from schedules where journey = $1 and spec = $2`, name, spec)
		if err != nil {
			return err
		}
		if same {
			continue
		}
		if _, err := tx.ExecContext(ctx, `delete from schedule_zones where journey = $1`, name); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `insert into schedules (journey, spec, since_at) values ($1, $2, $3)
			on conflict (journey) do update set spec = excluded.spec, since_at = excluded.since_at`, name, spec,
			sqldb.Millis(now)); err != nil {
			return err
		}
	}
	var gone []string
	if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		if !keep[name] {
			gone = append(gone, name)
		}
		return err
	}, `select journey from schedules`); err != nil {
		return err
	}
	for _, name := range gone {
		for _, table := range []string{"schedules", "schedule_zones"} {
			if _, err := tx.ExecContext(ctx, `delete from `+table+` where journey = $1`, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// PublishSchedulesOf is the OnPublish hook of this room. See publishSchedules.
func PublishSchedulesOf(*journey.Content) (func(ctx context.Context, tx sqldb.Conn, p catalog.Publication) error, error) {
	return func(ctx context.Context, tx sqldb.Conn, p catalog.Publication) error {
		return publishSchedules(ctx, tx, p.Now, p.Content)
	}, nil
}
