package httpclassifier

import (
	"sync"
	"time"
)

const (
	tolerated = 5                // failures in a row
	rest      = 30 * time.Second // after which the server is left alone for so long; then one message tries
)

// breaker leaves a server alone that keeps failing, so that messages are not held up by its time limit one
// after another.
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

// forget ends a try that came to nothing.
func (b *breaker) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}
