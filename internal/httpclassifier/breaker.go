package httpclassifier

import (
	"sync"
	"time"
)

const (
	tolerated = 5                // failures in a row that open the breaker
	rest      = 30 * time.Second // how long it stays open; then one message is tried
)

// breaker pauses a server that keeps failing, so that messages do not wait for its time limit one after another.
type breaker struct {
	mu     sync.Mutex
	failed int
	until  time.Time
	trying bool
}

func (b *breaker) allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed < tolerated:
		return true
	case b.trying || now.Before(b.until):
		return false
	}
	b.trying = true
	return true
}

func (b *breaker) note(now time.Time, good bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if good {
		b.failed = 0
		return
	}
	b.failed++
	b.until = now.Add(rest)
}

// forget ends a try without a result.
func (b *breaker) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}
