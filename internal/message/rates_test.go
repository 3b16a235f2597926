package message_test

import (
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/message"
)

func TestTokensAreTakenAtTheRate(t *testing.T) {
	each(t, func(s *suite) {
		r := message.Pace{Interval: 100 * time.Millisecond, Burst: 10}
		take := func(now time.Time, n int, horizon time.Duration) (time.Duration, bool) {
			s.T.Helper()
			at, taken, err := s.Messages.TakeTokens(s.Ctx, now, "email", n, r, horizon)
			s.Must(err)
			return at.Sub(now), taken
		}
		for i := range 10 {
			if wait, taken := take(enginetest.Wall, 1, time.Hour); wait != 0 || !taken {
				s.T.Fatalf("token %d of the burst: in %s, taken %t", i, wait, taken)
			}
		}
		// Tokens beyond the burst have times of their own, one after the other.
		for i := range 3 {
			if wait, taken := take(enginetest.Wall, 1, time.Hour); wait != time.Duration(i+1)*r.Interval || !taken {
				s.T.Fatalf("token %d after the burst: in %s, taken %t", i, wait, taken)
			}
		}
		if wait, taken := take(enginetest.Wall, 2, time.Hour); wait != 500*time.Millisecond || !taken {
			s.T.Fatalf("two at once: in %s, taken %t", wait, taken)
		}
		// Beyond the horizon no token is taken.
		for range 2 {
			if wait, taken := take(enginetest.Wall, 1, 300*time.Millisecond); wait != 600*time.Millisecond || taken {
				s.T.Fatalf("beyond the horizon: in %s, taken %t", wait, taken)
			}
		}
		// A pause fills the bucket up to the burst.
		later := enginetest.Wall.Add(time.Hour)
		if wait, _ := take(later, 10, time.Hour); wait != 0 {
			s.T.Fatalf("a burst after a rest: in %s", wait)
		}
		if wait, _ := take(later, 1, time.Hour); wait != r.Interval {
			s.T.Fatalf("one more: in %s", wait)
		}
		if at, taken, err := s.Messages.TakeTokens(s.Ctx, enginetest.Wall, "sms", 1, r, 0); err != nil || !taken ||
			!at.Equal(enginetest.Wall) {
			s.T.Fatal("another bucket:", at, taken, err)
		}
	})
}

func TestHighRateIsNotRounded(t *testing.T) {
	each(t, func(s *suite) {
		r := message.Pace{Interval: time.Second / 3000, Burst: 1}
		var last time.Time
		for range 4 {
			at, _, err := s.Messages.TakeTokens(s.Ctx, enginetest.Wall, "push", 750, r, time.Hour)
			s.Must(err)
			last = at
		}
		if got := last.Sub(enginetest.Wall); got < 999*time.Millisecond || got > 1001*time.Millisecond {
			s.T.Fatalf("3,000 tokens at 3,000 a second take %s", got)
		}
	})
}

func TestTwoProcessesShareABucket(t *testing.T) {
	each(t, func(s *suite) {
		other, err := engine.Open(s.Ctx, engine.Options{URL: s.URL, Channels: enginetest.Channels})
		s.Must(err)
		defer other.Close()
		r := message.Pace{Interval: time.Second, Burst: 5}
		var mu sync.Mutex
		moments := map[time.Time]int{}
		var all sync.WaitGroup
		for _, st := range []*engine.Engine{s.Engine, other, s.Engine, other} {
			all.Go(func() {
				for range 5 {
					at, taken, err := st.Messages.TakeTokens(s.Ctx, enginetest.Wall, "sms", 1, r, time.Hour)
					if err != nil || !taken {
						s.T.Errorf("taken %t, %v", taken, err)
					}
					mu.Lock()
					moments[at]++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if moments[enginetest.Wall] != 5 || len(moments) != 16 {
			s.T.Fatalf("20 tokens at 1 a second with a burst of 5 were given for %v", moments)
		}
	})
}

func TestPauses(t *testing.T) {
	each(t, func(s *suite) {
		s.Must(s.Messages.Pause(s.Ctx, enginetest.Wall, "push", enginetest.Wall.Add(time.Minute)))
		s.Must(s.Messages.Pause(s.Ctx, enginetest.Wall, "push", enginetest.Wall.Add(time.Second)))
		s.Must(s.Messages.Pause(s.Ctx, enginetest.Wall, "webhook:a.example", enginetest.Wall.Add(time.Second)))
		got, err := s.Messages.Pauses(s.Ctx, enginetest.Wall)
		s.Must(err)
		s.Equal(got, map[string]time.Time{"push": enginetest.Wall.Add(time.Minute), "webhook:a.example": enginetest.Wall.Add(time.Second)})
		got, err = s.Messages.Pauses(s.Ctx, enginetest.Wall.Add(time.Second))
		s.Must(err)
		s.Equal(got, map[string]time.Time{"push": enginetest.Wall.Add(time.Minute)})
		// The row of a pause that ended long ago is deleted.
		later := enginetest.Wall.Add(48 * time.Hour)
		s.Must(s.Messages.Pause(s.Ctx, later, "sms", later.Add(time.Second)))
		rows, err := s.Messages.Pauses(s.Ctx, time.UnixMilli(1))
		s.Must(err)
		s.Equal(rows, map[string]time.Time{"sms": later.Add(time.Second)})
	})
}
