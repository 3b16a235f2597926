package relay

import (
	"sync"
	"time"
)

// transport decides between update and signal. An update returns when the run has handled the event, but costs its whole
// time-out where no worker runs. After a few updates in a row without an answer, everything goes by signal for a while.
type transport struct {
	mu     sync.Mutex
	missed int
	until  time.Time
}

const (
	missedLimit = 3
	signalSpell = 15 * time.Second
)

func (t *transport) signalOnly(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return now.Before(t.until)
}

func (t *transport) answered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.missed = 0
}

func (t *transport) timedOut(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.missed++; t.missed >= missedLimit {
		t.missed, t.until = 0, now.Add(signalSpell)
	}
}
