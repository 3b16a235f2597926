package workflows

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestWait(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps    string
		customer map[string]any
		play     func(p *play)
		parked   []string
		passed   []string
	}{
		"a duration": {
			steps:  "  - {id: w, wait: 2h}\n",
			parked: []string{"w wait until 2h"}, passed: []string{"w@2h"},
		},
		"a date with an offset": {
			steps:    "  - {id: w, wait: {until: customer.ends_at, offset: -1d}}\n",
			customer: map[string]any{"ends_at": "2026-03-05T10:00:00Z"},
			parked:   []string{"w wait until 48h"}, passed: []string{"w@48h"},
		},
		"a past date": {
			steps:    "  - {id: w, wait: {until: customer.ends_at}}\n",
			customer: map[string]any{"ends_at": "2026-03-01T10:00:00Z"},
			passed:   []string{"w@0s: went on at once: 2026-03-01 10:00:00 UTC is in the past"},
		},
		"a missing date": {
			steps:  "  - {id: w, wait: {until: customer.ends_at}}\n",
			passed: []string{"w@0s: went on at once: customer.ends_at is missing or not a date"},
		},
		"a date that moves back and forth": {
			steps:    "  - {id: w, wait: {until: customer.ends_at}}\n",
			customer: map[string]any{"ends_at": "2026-03-03T10:00:00Z"},
			play: func(p *play) {
				p.at(time.Hour, func() { p.move("u1", "2026-03-02T14:00:00Z") })
				p.at(2*time.Hour, func() { p.move("u2", "2026-03-02T18:00:00Z") })
			},
			parked: []string{"w wait until 24h", "w wait until 4h", "w wait until 8h"}, passed: []string{"w@8h"},
		},
		"a date that is taken away": {
			steps:    "  - {id: w, wait: {until: customer.ends_at}}\n",
			customer: map[string]any{"ends_at": "2026-03-03T10:00:00Z"},
			play:     func(p *play) { p.at(time.Hour, func() { p.move("u1", "") }) },
			parked:   []string{"w wait until 24h"}, passed: []string{"w@1h"},
		},
		"skipped by its condition": {
			steps:  "  - {id: w, wait: 2h, when: entry.total > 500}\n  - {id: v, wait: 1h, when: entry.total > 50}\n",
			parked: []string{"v wait until 1h"}, passed: []string{"w@0s: skipped", "v@1h"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(test.steps))
			if test.customer != nil {
				p.customer = test.customer
			}
			if test.play != nil {
				test.play(p)
			}
			p.expect(contract.Completed, p.run(), test.passed...)
			p.same("parked", test.parked, p.parked())
		})
	}
}

// move changes the trait that the wait names, as an event does.
func (p *play) move(id, to string) {
	p.mu.Lock()
	if p.customer = map[string]any{}; to != "" {
		p.customer["ends_at"] = to
	}
	p.mu.Unlock()
	e := p.deliveryOf(id, "Customer Updated", nil)
	e.Event.Traits = []string{"ends_at"}
	p.update(id, e)
}

func TestWaitKeepsOneTimer(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 10h}\n", "exit: [{event: Nothing}]"))
	timers := 0
	p.env.SetOnTimerScheduledListener(func(string, time.Duration) { timers++ })
	for i := range 5 {
		p.event(time.Duration(i+1)*time.Hour, string(rune('a'+i)), "Other", nil)
	}
	p.expect(contract.Completed, p.run(), "w@10h")
	if timers != 1 {
		t.Errorf("%d timers for one wait", timers)
	}
}
