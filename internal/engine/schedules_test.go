package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// weekly is a journey that is entered by schedule.
func weekly(schedule journey.Schedule, change ...func(*journey.Definition)) *journey.Definition {
	return cart(append([]func(*journey.Definition){func(d *journey.Definition) {
		d.Journey, d.Goal, d.Entry = "digest", nil, journey.Entry{Schedule: &schedule, Reentry: journey.ReentryAlways}
	}}, change...)...)
}

func everyDay(at localtime.Time, zone string) journey.Schedule {
	return journey.Schedule{At: at, Timezone: zone}
}

// runs runs schedules at a moment until there is no more to do, and says who entered, in order.
func (s *suite) runs(now time.Time) []string {
	s.T.Helper()
	for n := 0; ; n++ {
		more, err := s.Enrollments.RunSchedules(s.ctx, now, wall)
		s.must(err)
		if !more {
			break
		}
		if n > 10000 {
			s.T.Fatal("the schedules never end")
		}
	}
	var out []string
	for _, told := range s.drain() {
		id, _, _ := strings.Cut(told[len("start digest/"):], "#") // the number of another enrollment that is open
		out = append(out, id)
	}
	return out
}

func (s *suite) next(now time.Time) time.Time {
	s.T.Helper()
	at, err := s.Enrollments.NextSchedule(s.ctx, now)
	s.must(err)
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
		s.same(s.next(noon), time.Time{})
		s.publishes(
			[]*journey.Definition{
				cart(),
				weekly(everyDay("13:00", "Europe/Berlin"), func(d *journey.Definition) { d.Entry.When = `customer.tier == "gold"` }),
			},
			reminder(),
		)
		one := utcTime("2026-03-02T12:00:00Z") // published at this very moment: starts at the next
		s.same(s.next(one), utcTime("2026-03-03T12:00:00Z"))
		for _, id := range []string{"ana", "ben", "cem"} {
			s.must(s.Customers.SetTraits(s.ctx, noon, id, props{"tier": "gold"}))
		}
		s.must(s.Customers.SetTraits(s.ctx, noon, "dan", props{"tier": "silver"}))
		s.same(s.runs(noon), []string(nil))
		due := utcTime("2026-03-03T12:00:00Z")
		s.same(s.runs(due.Add(-time.Second)), []string(nil))
		s.same(s.runs(due), []string{"ana", "ben", "cem"})
		s.same(s.runs(due), []string(nil))
		s.same(s.next(due), due.Add(24*time.Hour))
		e := s.at("digest/ana")
		s.same([]string{e.EntryName, e.EntryEvent}, []string{"Journey Scheduled", "tabi.schedule/digest/2026-03-03T12:00:00Z/ana"})
		ev, err := customer.EventByID(s.ctx, s.Database.Reader, e.EntryEvent)
		s.must(err)
		s.same(ev.Properties, props{"scheduled_at": "2026-03-03T12:00:00Z"})
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same(c.Events, int64(3)) // of those who entered alone
	})
}

func TestSchedulesInEverybodysZone(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{weekly(everyDay("09:00", ""))}, reminder())
		for id, zone := range map[string]any{"tokyo": "Asia/Tokyo", "york": "America/New_York", "berlin": "Europe/Berlin", "none": nil,
			"odd": "Mars/Base", "number": 7} {
			s.must(s.Customers.SetTraits(s.ctx, noon, id, props{"timezone": zone}))
		}
		now := noon
		var story []string
		for range 5 {
			now = s.next(now)
			story = append(story, fmt.Sprint(now.Format("02 15:04 "), s.runs(now)))
		}
		s.same(story, []string{"02 14:00 [york]", "03 00:00 [tokyo]", "03 08:00 [berlin]", "03 09:00 [none number odd]", "03 14:00 [york]"})
		// A customer who moves to a zone after its scheduled time enters at the next one.
		now = utcTime("2026-03-04T01:00:00Z")
		s.same(s.runs(now), []string{"tokyo"})
		s.ingest(now, s.identify("york", props{"timezone": "Asia/Tokyo"}), s.identify("new", props{"timezone": "Asia/Tokyo"}))
		s.same(s.runs(now), []string(nil))
		s.ingest(now, s.identify("south", props{"timezone": "Pacific/Auckland"})) // whose 09:00 was five hours ago
		s.same(s.runs(now), []string(nil))
		s.same(s.runs(utcTime("2026-03-05T00:00:00Z")), []string{"berlin", "none", "number", "odd", "south", "new", "tokyo", "york"})
	})
}

func TestSchedulesAcrossSummerTime(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{weekly(everyDay("02:30", "Europe/Berlin"))}, reminder())
		s.must(s.Customers.SetTraits(s.ctx, noon, "ana", nil))
		for _, day := range []struct{ before, at string }{
			{"2026-03-28T03:00:00Z", "2026-03-29T01:00:00Z"}, // skipped: the next that exists
			{"2026-03-29T02:00:00Z", "2026-03-30T00:30:00Z"},
			{"2026-10-24T03:00:00Z", "2026-10-25T00:30:00Z"}, // twice: the first
			{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		} {
			s.runs(utcTime(day.before))
			s.same(s.next(utcTime(day.before)), utcTime(day.at))
			s.same(s.runs(utcTime(day.at)), []string{"ana"})
		}
	})
}

func TestMissedMoments(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{weekly(everyDay("13:00", "UTC"))}, reminder())
		s.must(s.Customers.SetTraits(s.ctx, noon, "ana", nil))
		s.same(s.runs(utcTime("2026-03-09T12:59:59Z")), []string{"ana"}) // a week away: of seven the latest alone
		s.same(s.next(utcTime("2026-03-09T12:59:59Z")), utcTime("2026-03-09T13:00:00Z"))
		s.same(s.at("digest/ana").EntryEvent, "tabi.schedule/digest/2026-03-08T13:00:00Z/ana")

		s.publishes([]*journey.Definition{weekly(journey.Schedule{At: "13:00", Days: []string{"mon"}, Timezone: "UTC"})}, reminder())
		tuesday := utcTime("2026-03-17T13:00:00Z") // Monday's is a day old: too late
		s.same(s.next(tuesday), utcTime("2026-03-23T13:00:00Z"))
		s.same(s.runs(tuesday), []string(nil))
		s.same(s.runs(utcTime("2026-03-24T12:59:59Z")), []string{"ana"})
	})
}

func TestScheduleKeepsTheRules(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{weekly(everyDay("13:00", "UTC"), reentry(journey.ReentryAfterExit, 0))}, reminder())
		s.must(s.Customers.SetTraits(s.ctx, noon, "ana", nil))
		day := func(n int) time.Time { return noon.Add(time.Duration(n)*24*time.Hour + time.Hour) }
		s.same(s.runs(day(0)), []string{"ana"})
		s.same(s.runs(day(1)), []string(nil)) // still open
		s.ends(s.at("digest/ana"), "completed", day(1))
		_, err := s.Enrollments.PauseJourney(s.ctx, noon, "digest", "me", true)
		s.must(err)
		s.same(s.runs(day(2)), []string(nil))
		_, err = s.Enrollments.PauseJourney(s.ctx, noon, "digest", "me", false)
		s.must(err)
		s.same(s.runs(day(2)), []string(nil)) // the moment is over
		// Publishing the same schedule again changes nothing of its progress; one that left starts afresh.
		s.publishes(
			[]*journey.Definition{weekly(everyDay("13:00", "UTC"), func(d *journey.Definition) { d.Description = "x" })},
			reminder(),
		)
		s.same(s.runs(day(2)), []string(nil))
		s.same(s.runs(day(3)), []string{"ana"})
		s.publishes(nil, reminder())
		s.same(s.next(day(4)), time.Time{})
		s.same(s.runs(day(4)), []string(nil))
	})
}

// Customers who were merged are entered once.
func TestSchedulesOfMergedCustomers(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{weekly(everyDay("13:00", ""))}, reminder())
		for _, id := range []string{"ana", "ben", "old"} {
			s.must(s.Customers.SetTraits(s.ctx, noon, id, props{"timezone": "Asia/Tokyo"}))
		}
		tokyo := utcTime("2026-03-03T04:00:00Z")
		s.same(s.runs(tokyo), []string{"ana", "ben", "old"})
		s.ingest(tokyo, customer.SegmentCall{Type: "alias", MessageID: "j", UserID: "zoe", PreviousID: "ana"})
		s.same(s.runs(tokyo), []string(nil))
		s.same(s.runs(tokyo.Add(24*time.Hour)), []string{"ben", "old", "zoe"})
	})
}

// A crash in the middle of a moment, and several who run it at once: everybody enters once.
func TestSchedulersAtOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{weekly(everyDay("13:00", "")), weekly(everyDay("13:00", "UTC"), named("daily"))}, reminder())
		const n = 450
		var calls []customer.SegmentCall
		for i := range n {
			calls = append(calls, s.identify(fmt.Sprintf("c%03d", i), props{"timezone": []string{"UTC", "Asia/Tokyo", "Asia/Seoul"}[i%3]}))
		}
		s.ingest(noon, calls...)
		now := noon.Add(24 * time.Hour)
		// A process crashes after the first page: another takes over its lease.
		p, _, err := s.Enrollments.TakeMoment(s.ctx, now, wall.Add(-time.Hour))
		s.must(err)
		_, err = s.Enrollments.SchedulePage(s.ctx, now, p)
		s.must(err)
		done := make(chan error, 4)
		for range 4 {
			go func() {
				for {
					more, err := s.Enrollments.RunSchedules(s.ctx, now, wall)
					if err != nil || !more {
						done <- err
						return
					}
				}
			}()
		}
		for range 4 {
			s.must(<-done)
		}
		if _, err := s.Enrollments.SchedulePage(s.ctx, now, p); err != unit.ErrSuperseded {
			s.T.Fatalf("the one who crashed goes on: %v", err)
		}
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same([]int64{c.Open["digest"], c.Open["daily"], c.Events}, []int64{n, n, 3 * n})
		s.same(s.next(now).After(now), true)
	})
}

// Five thousand customers in forty zones, for a day.
func TestSchedulesOfManyZones(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{weekly(everyDay("09:00", ""))}, reminder())
		const n = 5000
		var calls []customer.SegmentCall
		for i := range n {
			zone := fmt.Sprintf("Etc/GMT%+d", i%27-12)
			if i%27 >= 26 {
				zone = []string{"Asia/Kolkata", "Asia/Kathmandu", "Europe/London", "Europe/Paris", "America/St_Johns",
					"Australia/Adelaide", "Pacific/Chatham",
					"Asia/Tokyo", "Asia/Seoul", "America/Lima", "America/Bogota", "Africa/Lagos", "Africa/Cairo", "Asia/Dubai"}[i/27%14]
			}
			calls = append(calls, s.identify(fmt.Sprintf("c%04d", i), props{"timezone": zone}))
			if len(calls) == 500 {
				s.ingest(noon, calls...)
				calls = nil
			}
		}
		now, moments := noon, 0
		for end := noon.Add(24 * time.Hour); ; moments++ {
			if now = s.next(now); now.After(end) {
				break
			}
			for more := true; more; {
				var err error
				more, err = s.Enrollments.RunSchedules(s.ctx, now, wall)
				s.must(err)
			}
		}
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same([]int64{c.Open["digest"], c.Events}, []int64{n, 2 * n})
		if moments < 26 {
			s.T.Fatalf("only %d moments", moments)
		}
	})
}
