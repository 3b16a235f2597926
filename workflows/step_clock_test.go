package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// until prepares a journey whose one wait is until a time of day. The moment counts from 2026-03-02T10:00Z, a Monday.
func until(t *testing.T, w journey.Wait) *play {
	t.Helper()
	return altered(t, journeyOf("  - {id: w, wait: 1h}\n"), func(d *journey.Definition) {
		for i := range d.Steps {
			d.Steps[i].Spec = &w
		}
	})
}

func TestWaitUntilATimeOfDay(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		wait    journey.Wait
		start   time.Time
		zone    string
		play    func(p *play)
		outcome string
		passed  string
		parked  []string
	}{
		"later today, in UTC where the customer's is unknown": {
			wait: journey.Wait{At: "15:30"}, passed: "w@5h30m", parked: []string{"w wait until 5h30m"},
		},
		"now is the next day":  {wait: journey.Wait{At: "10:00"}, passed: "w@24h", parked: []string{"w wait until 24h"}},
		"past is the next day": {wait: journey.Wait{At: "09:00"}, passed: "w@23h", parked: []string{"w wait until 23h"}},
		"on the next permitted day": {
			wait:   journey.Wait{At: "11:00", Days: []string{"mon", "thu"}, Timezone: "UTC"},
			passed: "w@1h",
			parked: []string{"w wait until 1h"},
		},
		"which may be days away": {
			wait:   journey.Wait{At: "09:00", Days: []string{"mon", "thu"}, Timezone: "UTC"},
			passed: "w@71h",
			parked: []string{"w wait until 71h"},
		},
		"or the whole week": {
			wait:   journey.Wait{At: "09:00", Days: []string{"mon"}, Timezone: "UTC"},
			passed: "w@167h",
			parked: []string{"w wait until 167h"},
		},
		"in the customer's zone": {
			wait:   journey.Wait{At: "09:00"},
			zone:   "Asia/Tokyo",
			passed: "w@14h",
			parked: []string{"w wait until 14h"},
		},
		"in a zone of its own": {
			wait:   journey.Wait{At: "12:00", Timezone: "Europe/Berlin"},
			zone:   "Asia/Tokyo",
			passed: "w@1h",
			parked: []string{"w wait until 1h"},
		},
		"a time that summer time skips": {
			wait: journey.Wait{
				At:       "02:30",
				Timezone: "Europe/Berlin",
			}, start: time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), passed: "w@1h", parked: []string{"w wait until 1h"},
		},
		"a time that comes twice": {
			wait: journey.Wait{
				At:       "02:30",
				Timezone: "Europe/Berlin",
			}, start: time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), passed: "w@30m", parked: []string{"w wait until 30m"},
		},
		"a day of 25 hours": {
			wait: journey.Wait{
				At:       "09:00",
				Timezone: "Europe/Berlin",
			}, start: time.Date(2026, 10, 24, 7, 0, 0, 0, time.UTC), passed: "w@25h", parked: []string{"w wait until 25h"},
		},
		"the customer moves to another zone": {
			wait: journey.Wait{
				At:       "09:00",
				Timezone: "customer",
			}, zone: "Asia/Tokyo", play: func(p *play) { p.travel(time.Hour, "Europe/Berlin") },
			passed: "w@22h", parked: []string{"w wait until 14h", "w wait until 22h"},
		},
		"another trait changes nothing": {
			wait: journey.Wait{At: "09:00"}, zone: "Asia/Tokyo", play: func(p *play) { p.travel(time.Hour, "Asia/Tokyo") },
			passed: "w@14h", parked: []string{"w wait until 14h"},
		},
		"moving does not matter where the zone is the journey's": {
			wait: journey.Wait{
				At:       "12:00",
				Timezone: "UTC",
			}, zone: "Asia/Tokyo", play: func(p *play) { p.travel(time.Hour, "Europe/Berlin") },
			passed: "w@2h", parked: []string{"w wait until 2h"},
		},
		"moving at the very moment does not add a day": {
			wait: journey.Wait{At: "12:00"}, zone: "UTC", play: func(p *play) { p.travel(2*time.Hour-time.Millisecond, "UTC") },
			passed: "w@2h", parked: []string{"w wait until 2h"},
		},
		"moving while paused over the moment does not add a day": {
			wait: journey.Wait{At: "12:00"}, zone: "UTC", play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.travel(3*time.Hour, "Asia/Tokyo")
				p.order(4*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			passed: "w@4h", parked: []string{"w wait until 2h", "w wait until 2h paused"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := until(t, test.wait)
			if !test.start.IsZero() {
				p.start, p.in.EnteredAt = test.start, test.start
				p.env.SetStartTime(test.start)
			}
			p.customer["timezone"] = test.zone
			if test.play != nil {
				test.play(p)
			}
			p.expect(contract.Completed, p.run(), test.passed)
			p.same("parked", test.parked, p.parked())
		})
	}
}

// travel changes the customer's time zone, as an event does.
func (p *play) travel(d time.Duration, zone string) {
	p.at(d, func() {
		p.mu.Lock()
		p.customer = map[string]any{"timezone": zone}
		p.mu.Unlock()
		e := p.deliveryOf("z1", "Customer Updated", nil)
		e.Event.Traits = []string{"timezone"}
		p.env.SignalWorkflow(contract.DeliveryName, e)
	})
}

func TestWaitUntilATimeOfDayIsShown(t *testing.T) {
	t.Parallel()
	for want, w := range map[string]journey.Wait{
		"09:00 on mon, tue, customer's time": {At: "09:00", Days: []string{"mon", "tue"}},
		"09:00, Asia/Tokyo":                  {At: "09:00", Timezone: "Asia/Tokyo"},
		"":                                   {Duration: time.Hour},
	} {
		p := until(t, w)
		p.run()
		if got := strings.Join(p.reports[0].Parked.For, "|"); got != want {
			t.Errorf("waits for %q, want %q", got, want)
		}
	}
}

// A simulation's clock is so slow that its timers pass what a duration can hold: the enrollment then sleeps on.
func TestWaitOnASlowClock(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 400d}\n  - {id: v, wait: 90s}\n", "timeout: 900d"))
	p.in.Clock.Slow, p.in.Clock.Origin, p.in.Clock.Epoch = 1000, testStart, testStart
	p.env.SetWorkflowRunTimeout(0) // the test environment's is ten years of the wall
	var timers []time.Duration
	p.env.SetOnTimerScheduledListener(func(_ string, d time.Duration) { timers = append(timers, d) })
	p.expect(contract.Completed, p.run(), "w@9600h", "v@9600h1m30s")
	if len(timers) != 5 {
		t.Errorf("timers %v", timers)
	}
}
