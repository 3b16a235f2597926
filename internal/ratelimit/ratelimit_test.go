package ratelimit

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/internal/message"
)

var known = []string{"email", "push", "webhook", Call}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := Parse(" email=50/s, email:Shop@Example.com = 0.5/s ,webhook:hooks.example.com=30/m,push=3600/h,", known)
	if err != nil {
		t.Fatal(err)
	}
	for bucket, want := range map[string]message.Pace{
		"email":                     {Interval: 20 * time.Millisecond, Burst: 50},
		"email:shop@example.com":    {Interval: 2 * time.Second, Burst: 1},
		"webhook:hooks.example.com": {Interval: 2 * time.Second, Burst: 1},
		"push":                      {Interval: time.Second, Burst: 1},
	} {
		if got[bucket] != want {
			t.Errorf("%s: got %+v, want %+v", bucket, got[bucket], want)
		}
	}
	for text, word := range map[string]string{
		"email": "channel=number/unit", "fax=1/s": "not one of", "email:=1/s": "follows the colon", "email=1": "not a rate",
		"email=x/s": "not a rate", "email=1/d": "not a rate",
		"email=0/s": "between", "email=-1/s": "between", "email=NaN/s": "between", "email=1e9/s": "between", "push=1/s,push=2/s": "already",
	} {
		if _, err := Parse(text, known); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v, want %q", text, err, word)
		}
	}
}

// shared is a store that counts what it is asked.
type shared struct {
	mu     sync.Mutex
	next   map[string]time.Time
	pauses map[string]time.Time
	asked  map[string]int
	broken error
}

func (s *shared) TakeTokens(
	_ context.Context,
	wall time.Time,
	bucket string,
	n int,
	p message.Pace,
	horizon time.Duration,
) (time.Time, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked["take "+bucket]++
	next := s.next[bucket]
	if wall.After(next) {
		next = wall
	}
	next = next.Add(time.Duration(n) * p.Interval)
	at := next.Add(-time.Duration(p.Burst) * p.Interval)
	if wall.After(at) {
		at = wall
	}
	if at.Sub(wall) > horizon {
		return at, false, s.broken
	}
	s.next[bucket] = next
	return at, true, s.broken
}

func (s *shared) Pause(_ context.Context, _ time.Time, bucket string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked["pause"]++
	s.pauses[bucket] = until
	return s.broken
}

func (s *shared) Pauses(context.Context, time.Time) (map[string]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked["pauses"]++
	out := map[string]time.Time{}
	for k, v := range s.pauses {
		out[k] = v
	}
	return out, s.broken
}

// at is a Limiter at a wall clock that stands.
type at struct {
	*testing.T
	*Limiter
	now   time.Time
	store *shared
}

func open(t *testing.T, rates string) *at {
	t.Helper()
	t.Parallel()
	parsed, err := Parse(rates, known)
	if err != nil {
		t.Fatal(err)
	}
	a := &at{
		T:     t,
		now:   time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
		store: &shared{next: map[string]time.Time{}, pauses: map[string]time.Time{}, asked: map[string]int{}},
	}
	a.Limiter = New(a.store, func() time.Time { return a.now }, parsed, prometheus.NewRegistry())
	return a
}

func (a *at) asks(l Lane, token time.Time) Answer {
	a.Helper()
	got, err := a.Ask(a.Context(), l, 1, token)
	if err != nil {
		a.Fatal(err)
	}
	return got
}

func TestUnlimitedProviderIsReadOncePerSecond(t *testing.T) {
	a := open(t, "")
	for range 1000 {
		if got := a.asks(Lane{Provider: "email", Part: "shop@example.com"}, time.Time{}); got.Wait != 0 {
			t.Fatal(got)
		}
		a.now = a.now.Add(time.Millisecond)
	}
	if a.store.asked["pauses"] != 1 || len(a.store.asked) != 1 {
		t.Errorf("the store was asked %v", a.store.asked)
	}
	var none *Limiter
	if got, err := none.Ask(t.Context(), Lane{}, 1, time.Time{}); err != nil || got.Wait != 0 {
		t.Error(got, err)
	}
}

func TestTokenIsValidAtItsMomentAndSoonAfter(t *testing.T) {
	a := open(t, "email=1/s")
	l := Lane{Provider: "email"}
	if got := a.asks(l, time.Time{}); got.Wait != 0 {
		t.Fatal(got)
	}
	second, third := a.asks(l, time.Time{}), a.asks(l, time.Time{})
	if second.Wait != time.Second || third.Wait != 2*time.Second || second.Reason == "" {
		t.Fatal(second, third)
	}
	if early := a.asks(l, second.Token); early.Wait != time.Second || early.Token != second.Token {
		t.Fatal(early)
	}
	a.now = second.Token.Add(time.Second)
	if got := a.asks(l, second.Token); got.Wait != 0 {
		t.Fatal(got)
	}
	// Who was away longer asks again, so that an outage does not end in one heap.
	a.now = third.Token.Add(time.Minute)
	before := a.store.asked["take email"]
	if got := a.asks(l, third.Token); got.Wait != 0 || a.store.asked["take email"] != before+1 {
		t.Fatal(got, a.store.asked)
	}
}

func TestPartHasItsOwnRate(t *testing.T) {
	a := open(t, "email=10/s,email:shop@example.com=1/s")
	shop, news := Lane{Provider: "email", Part: "Shop@example.com"}, Lane{Provider: "email", Part: "news@example.com"}
	a.asks(shop, time.Time{})
	if got := a.asks(shop, time.Time{}); got.Wait != time.Second {
		t.Fatal(got)
	}
	for range 8 {
		if got := a.asks(news, time.Time{}); got.Wait != 0 {
			t.Fatal(got)
		}
	}
	if got := a.asks(news, time.Time{}); got.Wait != 100*time.Millisecond {
		t.Fatal("the eleventh of all:", got)
	}
	// Who only tries, and finds nothing, takes nothing from the others.
	next := a.store.next["email"]
	if got, err := a.Try(t.Context(), shop, 1); err != nil || got.Wait < 2*time.Second || !a.store.next["email"].Equal(next) {
		t.Fatal(got, err)
	}
}

func TestFastRateTakesTokensInBatches(t *testing.T) {
	a := open(t, "push=1000/s")
	for range 1000 {
		if got := a.asks(Lane{Provider: "push"}, time.Time{}); got.Wait != 0 {
			t.Fatal(got)
		}
	}
	if n := a.store.asked["take push"]; n != 50 {
		t.Errorf("1,000 tokens took %d statements", n)
	}
	if got := a.asks(Lane{Provider: "push"}, time.Time{}); got.Wait <= 0 {
		t.Error("the bucket does not end")
	}
}

func TestPauseHoldsAllSends(t *testing.T) {
	a := open(t, "")
	other := New(a.store, func() time.Time { return a.now }, nil, nil)
	one, two := Lane{Provider: "webhook", Part: "one.example", Apart: true}, Lane{Provider: "webhook", Part: "two.example", Apart: true}
	for range 100 { // many are told the same
		if err := a.Pause(t.Context(), one, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if a.store.asked["pause"] != 1 {
		t.Errorf("one pause was written %d times", a.store.asked["pause"])
	}
	for _, l := range []*Limiter{a.Limiter, other} {
		got, err := l.Ask(t.Context(), one, 1, time.Time{})
		if err != nil || got.Wait < time.Minute || got.Wait > time.Minute+spread+time.Second ||
			!strings.Contains(got.Reason, "left alone") {
			t.Error(got, err)
		}
		if got, err := l.Ask(t.Context(), two, 1, time.Time{}); err != nil || got.Wait != 0 {
			t.Error("another host:", got, err)
		}
	}
	a.now = a.now.Add(time.Minute + time.Second)
	if got := a.asks(one, time.Time{}); got.Wait != 0 {
		t.Error(got)
	}
	if err := a.Pause(t.Context(), one, 100*time.Hour); err != nil || a.store.pauses["webhook:one.example"].Sub(a.now) != MaxPause {
		t.Error(a.store.pauses, err)
	}
}

func TestStoreErrorIsReturned(t *testing.T) {
	a := open(t, "email=1/s")
	a.store.broken = errors.New("away")
	if _, err := a.Ask(t.Context(), Lane{Provider: "email"}, 1, time.Time{}); err == nil {
		t.Error("no error")
	}
}
