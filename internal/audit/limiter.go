package audit

import (
	"strconv"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// LookEvery is how often it is recorded that one person looks at one customer, or is refused it, in wall time and by one process.
const LookEvery = 15 * time.Minute

const (
	refusedEvery = time.Minute // between two entries of strangers who are refused from one address
	refusedMost  = 60          // entries of strangers in a minute, from any address
	limiterMost  = 20_000      // what the limiter remembers at most
)

// limiter bounds what strangers can make the log grow by, and what looking at a page again and again adds. It knows this process only.
type limiter struct {
	mu        sync.Mutex
	looked    map[string]time.Time // wall, by who, what and whom
	refused   map[string]time.Time // wall, by what and peer
	left      map[string]int       // entries left out since, by what and peer
	minute    time.Time            // wall
	strangers int                  // entries in this minute
}

// admit returns an entry with the number of those left out before it, and whether it may be stored. What a known caller does is always
// stored.
func (l *limiter) admit(e Entry) (Entry, bool) {
	if e.Who != "" || e.Result != Refused {
		return e, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	wall := clock.Wall()
	if wall.Sub(l.minute) >= time.Minute {
		l.minute, l.strangers = wall, 0
		sweep(l.refused, wall, refusedEvery)
	}
	key := e.What + "\x00" + e.Peer
	if len(l.refused) >= limiterMost {
		key = e.What // too many addresses: they are one
	}
	if wall.Sub(l.refused[key]) < refusedEvery || l.strangers >= refusedMost {
		l.leave(key)
		return e, false
	}
	if l.refused == nil {
		l.refused = map[string]time.Time{}
	}
	l.refused[key] = wall
	l.strangers++
	if n := l.left[key]; n > 0 {
		detail := Detail{"others_since_last_entry": strconv.Itoa(n)}
		for name, text := range e.Detail {
			detail[name] = text
		}
		e.Detail = detail
		delete(l.left, key)
	}
	return e, true
}

func (l *limiter) leave(key string) {
	if l.left == nil {
		l.left = map[string]int{}
	}
	if _, known := l.left[key]; known || len(l.left) < limiterMost {
		l.left[key]++
	}
}

// look reports whether that somebody looks is to be recorded.
func (l *limiter) look(e Entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	wall, key := clock.Wall(), lookKey(e)
	if at, ok := l.looked[key]; ok && wall.Sub(at) < LookEvery {
		return false
	}
	if len(l.looked) >= limiterMost {
		if sweep(l.looked, wall, LookEvery); len(l.looked) >= limiterMost {
			clear(l.looked) // then some looks are recorded twice
		}
	}
	if l.looked == nil {
		l.looked = map[string]time.Time{}
	}
	l.looked[key] = wall
	return true
}

// forget takes back a look that could not be recorded.
func (l *limiter) forget(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.looked, lookKey(e))
}

func lookKey(e Entry) string {
	return sum(e.Who, e.Subject, e.What, e.Kind, e.ID, e.Customer, e.Journey, e.Result, e.Reason)
}

func sweep(times map[string]time.Time, wall time.Time, age time.Duration) {
	for key, at := range times {
		if wall.Sub(at) >= age {
			delete(times, key)
		}
	}
}
