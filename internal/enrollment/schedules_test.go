package enrollment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func (s *suite) nextSchedule(now time.Time) time.Time {
	s.T.Helper()
	at, err := s.Enrollments.NextSchedule(s.Ctx, now)
	s.Must(err)
	return at
}

func utcTime(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at.UTC()
}

func TestEntryBySchedule(t *testing.T) {
	each(t, func(s *suite) {
		s.Equal(s.nextSchedule(enginetest.Noon), time.Time{})
		s.Publish(
			[]*journey.Definition{
				enginetest.Cart(),
				enginetest.Scheduled(
					enginetest.EveryDay("13:00", "Europe/Berlin"),
					func(d *journey.Definition) { d.Entry.When = `customer.tier == "gold"` },
				),
			},
			enginetest.Reminder(),
		)
		one := utcTime("2026-03-02T12:00:00Z") // published at this moment, so it starts at the next one
		s.Equal(s.nextSchedule(one), utcTime("2026-03-03T12:00:00Z"))
		for _, id := range []string{"ana", "ben", "cem"} {
			s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, id, enginetest.Props{"tier": "gold"}))
		}
		s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, "dan", enginetest.Props{"tier": "silver"}))
		s.Equal(s.RunSchedules(enginetest.Noon), []string(nil))
		due := utcTime("2026-03-03T12:00:00Z")
		s.Equal(s.RunSchedules(due.Add(-time.Second)), []string(nil))
		s.Equal(s.RunSchedules(due), []string{"ana", "ben", "cem"})
		s.Equal(s.RunSchedules(due), []string(nil))
		s.Equal(s.nextSchedule(due), due.Add(24*time.Hour))
		e := s.OpenAt("digest/ana")
		s.Equal([]string{e.EntryName, e.EntryEvent}, []string{"Journey Scheduled", "tabi.schedule/digest/2026-03-03T12:00:00Z/ana"})
		ev, err := customer.EventByID(s.Ctx, s.Database.Reader, e.EntryEvent)
		s.Must(err)
		s.Equal(ev.Properties, enginetest.Props{"scheduled_at": "2026-03-03T12:00:00Z"})
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal(c.Events, int64(3)) // only of customers who entered
	})
}

func TestSchedulesInCustomersTimezones(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Scheduled(enginetest.EveryDay("09:00", ""))}, enginetest.Reminder())
		for id, zone := range map[string]any{"tokyo": "Asia/Tokyo", "york": "America/New_York", "berlin": "Europe/Berlin", "none": nil,
			"odd": "Mars/Base", "number": 7} {
			s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, id, enginetest.Props{"timezone": zone}))
		}
		now := enginetest.Noon
		var story []string
		for range 5 {
			now = s.nextSchedule(now)
			story = append(story, fmt.Sprint(now.Format("02 15:04 "), s.RunSchedules(now)))
		}
		s.Equal(
			story,
			[]string{"02 14:00 [york]", "03 00:00 [tokyo]", "03 08:00 [berlin]", "03 09:00 [none number odd]", "03 14:00 [york]"},
		)
		// A customer who moves to a zone after its scheduled time enters at the next one.
		now = utcTime("2026-03-04T01:00:00Z")
		s.Equal(s.RunSchedules(now), []string{"tokyo"})
		s.Ingest(
			now,
			s.Identify("york", enginetest.Props{"timezone": "Asia/Tokyo"}),
			s.Identify("new", enginetest.Props{"timezone": "Asia/Tokyo"}),
		)
		s.Equal(s.RunSchedules(now), []string(nil))
		s.Ingest(now, s.Identify("south", enginetest.Props{"timezone": "Pacific/Auckland"})) // 09:00 there was five hours ago
		s.Equal(s.RunSchedules(now), []string(nil))
		s.Equal(
			s.RunSchedules(utcTime("2026-03-05T00:00:00Z")),
			[]string{"berlin", "none", "number", "odd", "south", "new", "tokyo", "york"},
		)
	})
}

func TestSchedulesAcrossSummerTime(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Scheduled(enginetest.EveryDay("02:30", "Europe/Berlin"))}, enginetest.Reminder())
		s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, "ana", nil))
		for _, day := range []struct{ before, at string }{
			{"2026-03-28T03:00:00Z", "2026-03-29T01:00:00Z"}, // this time does not exist: the next one that does
			{"2026-03-29T02:00:00Z", "2026-03-30T00:30:00Z"},
			{"2026-10-24T03:00:00Z", "2026-10-25T00:30:00Z"}, // this time exists twice: the first one
			{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		} {
			s.RunSchedules(utcTime(day.before))
			s.Equal(s.nextSchedule(utcTime(day.before)), utcTime(day.at))
			s.Equal(s.RunSchedules(utcTime(day.at)), []string{"ana"})
		}
	})
}

func TestMissedMoments(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Scheduled(enginetest.EveryDay("13:00", "UTC"))}, enginetest.Reminder())
		s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, "ana", nil))
		s.Equal(
			s.RunSchedules(utcTime("2026-03-09T12:59:59Z")),
			[]string{"ana"},
		) // after a week without runs only the latest of seven moments counts
		s.Equal(s.nextSchedule(utcTime("2026-03-09T12:59:59Z")), utcTime("2026-03-09T13:00:00Z"))
		s.Equal(s.OpenAt("digest/ana").EntryEvent, "tabi.schedule/digest/2026-03-08T13:00:00Z/ana")

		s.Publish(
			[]*journey.Definition{enginetest.Scheduled(journey.Schedule{At: "13:00", Days: []string{"mon"}, Timezone: "UTC"})},
			enginetest.Reminder(),
		)
		tuesday := utcTime("2026-03-17T13:00:00Z") // Monday's moment is a day old, which is too late
		s.Equal(s.nextSchedule(tuesday), utcTime("2026-03-23T13:00:00Z"))
		s.Equal(s.RunSchedules(tuesday), []string(nil))
		s.Equal(s.RunSchedules(utcTime("2026-03-24T12:59:59Z")), []string{"ana"})
	})
}

func TestScheduledEntryRespectsReentry(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(
			[]*journey.Definition{
				enginetest.Scheduled(enginetest.EveryDay("13:00", "UTC"), enginetest.Reentry(journey.ReentryAfterExit, 0)),
			},
			enginetest.Reminder(),
		)
		s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, "ana", nil))
		day := func(n int) time.Time { return enginetest.Noon.Add(time.Duration(n)*24*time.Hour + time.Hour) }
		s.Equal(s.RunSchedules(day(0)), []string{"ana"})
		s.Equal(s.RunSchedules(day(1)), []string(nil)) // still open
		s.End(s.OpenAt("digest/ana"), "completed", day(1))
		_, err := s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "digest", "me", true)
		s.Must(err)
		s.Equal(s.RunSchedules(day(2)), []string(nil))
		_, err = s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "digest", "me", false)
		s.Must(err)
		s.Equal(s.RunSchedules(day(2)), []string(nil)) // the moment has passed
		// Publishing the same schedule again keeps its progress. A schedule that was removed starts again.
		s.Publish(
			[]*journey.Definition{
				enginetest.Scheduled(enginetest.EveryDay("13:00", "UTC"), func(d *journey.Definition) { d.Description = "x" }),
			},
			enginetest.Reminder(),
		)
		s.Equal(s.RunSchedules(day(2)), []string(nil))
		s.Equal(s.RunSchedules(day(3)), []string{"ana"})
		s.Publish(nil, enginetest.Reminder())
		s.Equal(s.nextSchedule(day(4)), time.Time{})
		s.Equal(s.RunSchedules(day(4)), []string(nil))
	})
}

// Merged customers enter once.
func TestSchedulesOfMergedCustomers(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Scheduled(enginetest.EveryDay("13:00", ""))}, enginetest.Reminder())
		for _, id := range []string{"ana", "ben", "old"} {
			s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, id, enginetest.Props{"timezone": "Asia/Tokyo"}))
		}
		tokyo := utcTime("2026-03-03T04:00:00Z")
		s.Equal(s.RunSchedules(tokyo), []string{"ana", "ben", "old"})
		s.Ingest(tokyo, customer.SegmentCall{Type: "alias", MessageID: "j", UserID: "zoe", PreviousID: "ana"})
		s.Equal(s.RunSchedules(tokyo), []string(nil))
		s.Equal(s.RunSchedules(tokyo.Add(24*time.Hour)), []string{"ben", "old", "zoe"})
	})
}

// A process crashes in the middle of a moment, and several processes run it at once: each customer enters once.
func TestConcurrentSchedulers(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(
			[]*journey.Definition{
				enginetest.Scheduled(enginetest.EveryDay("13:00", "")),
				enginetest.Scheduled(enginetest.EveryDay("13:00", "UTC"), enginetest.Named("daily")),
			},
			enginetest.Reminder(),
		)
		const n = 450
		var calls []customer.SegmentCall
		for i := range n {
			calls = append(
				calls,
				s.Identify(fmt.Sprintf("c%03d", i), enginetest.Props{"timezone": []string{"UTC", "Asia/Tokyo", "Asia/Seoul"}[i%3]}),
			)
		}
		s.Ingest(enginetest.Noon, calls...)
		now := enginetest.Noon.Add(24 * time.Hour)
		// A process crashes after the first page, and another one takes over its lease.
		p, _, err := s.Enrollments.TakeMoment(s.Ctx, now, enginetest.Wall.Add(-time.Hour))
		s.Must(err)
		_, err = s.Enrollments.SchedulePage(s.Ctx, now, p)
		s.Must(err)
		done := make(chan error, 4)
		for range 4 {
			go func() {
				for {
					more, err := s.Enrollments.RunSchedules(s.Ctx, now, enginetest.Wall)
					if err != nil || !more {
						done <- err
						return
					}
				}
			}()
		}
		for range 4 {
			s.Must(<-done)
		}
		if _, err := s.Enrollments.SchedulePage(s.Ctx, now, p); err != unit.ErrSuperseded {
			s.T.Fatalf("got %v from the process without the lease, want ErrSuperseded", err)
		}
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Open["digest"], c.Open["daily"], c.Events}, []int64{n, n, 3 * n})
		s.Equal(s.nextSchedule(now).After(now), true)
	})
}

// Five thousand customers in forty zones, for a day.
func TestSchedulesOfManyZones(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Scheduled(enginetest.EveryDay("09:00", ""))}, enginetest.Reminder())
		const n = 5000
		var calls []customer.SegmentCall
		for i := range n {
			zone := fmt.Sprintf("Etc/GMT%+d", i%27-12)
			if i%27 >= 26 {
				zone = []string{"Asia/Kolkata", "Asia/Kathmandu", "Europe/London", "Europe/Paris", "America/St_Johns",
					"Australia/Adelaide", "Pacific/Chatham",
					"Asia/Tokyo", "Asia/Seoul", "America/Lima", "America/Bogota", "Africa/Lagos", "Africa/Cairo", "Asia/Dubai"}[i/27%14]
			}
			calls = append(calls, s.Identify(fmt.Sprintf("c%04d", i), enginetest.Props{"timezone": zone}))
			if len(calls) == 500 {
				s.Ingest(enginetest.Noon, calls...)
				calls = nil
			}
		}
		now, moments := enginetest.Noon, 0
		for end := enginetest.Noon.Add(24 * time.Hour); ; moments++ {
			if now = s.nextSchedule(now); now.After(end) {
				break
			}
			for more := true; more; {
				var err error
				more, err = s.Enrollments.RunSchedules(s.Ctx, now, enginetest.Wall)
				s.Must(err)
			}
		}
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Open["digest"], c.Events}, []int64{n, 2 * n})
		if moments < 26 {
			s.T.Fatalf("got only %d moments", moments)
		}
	})
}
