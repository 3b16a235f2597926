package background

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
)

const digest = `journey: digest
entry:
  schedule: {at: "09:30", timezone: UTC}
  when: customer.tier == "gold"
goal: {event: Bye}
steps:
  - wait: 1d
`

// gold publishes the digest and identifies n customers who will enter it.
func (s *suite) gold(n int) {
	s.t.Helper()
	s.publish(map[string]string{"digest.yaml": digest})
	var calls []customer.SegmentCall
	for i := range n {
		calls = append(calls, customer.SegmentCall{
			Type:      "identify",
			MessageID: fmt.Sprint("seed", i),
			UserID:    fmt.Sprintf("c%03d", i),
			Traits:    map[string]any{"tier": "gold"},
		})
	}
	s.ingest(calls...)
}

// The job sleeps until the schedule's moment, not until it happens to look again.
func TestJobWakesForASchedule(t *testing.T) {
	s := setup(t)
	s.gold(3)
	s.cfg.Clock, s.cfg.ScheduleEvery = from(at.Add(29*time.Minute), 60), time.Hour // a second before half past nine
	s.play("three to enter by schedule", func() bool { return len(s.entered("digest")) == 3 })
	if e := s.entered("digest")[0]; e.EntryName != "Journey Scheduled" || e.EnteredAt.Before(at.Add(30*time.Minute)) {
		t.Error(e)
	}
}

func TestRestWithoutSchedules(t *testing.T) {
	s := setup(t)
	s.cfg.ScheduleEvery = 0 // the default
	schedules := New(s.cfg).jobs()[0]
	if rest, err := schedules.step(t.Context()); rest != time.Second || err != nil {
		t.Fatal(rest, err)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := schedules.step(t.Context()); rest != time.Second || err == nil {
		t.Fatal(rest, err)
	}
}

func TestSeveralProcessesRunASchedule(t *testing.T) {
	s := setup(t)
	const n = 250 // more than a page
	s.gold(n)
	s.cfg.Clock, s.cfg.ScheduleEvery = from(at.Add(29*time.Minute), 60), 20*time.Millisecond
	second := New(s.cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- second.Run(ctx) }()
	s.play("all to enter", func() bool { return len(s.entered("digest")) >= n })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	counts, err := s.store.Analytics.Counts(t.Context())
	if err != nil || counts.Open["digest"] != n || counts.Events != 2*n {
		t.Error(counts, err)
	}
}
