package relay

import "sync"

// suspects remembers the entries that failed while others were delivered. Such an entry is at fault itself, whatever its error
// says: Temporal's SQL stores answer "unavailable", or not at all, where one value does not fit. In an outage nothing is
// delivered, so nothing becomes suspect, however often it fails.
//
// A suspect may hold its worker until the call times out. So suspects get a quarter of the workers, and the rest serves the others.
//
// It is of this process alone: with several relays each one counts the attempts that it made itself.
type suspects struct {
	mu      sync.Mutex
	entries map[string]suspect // by enrollment
	slots   int                // for suspects that are being tried
	busy    int
}

type suspect struct {
	seq       int64
	delivered uint64 // how many entries the relay had delivered at the last failure
	passed    int    // failures between which others were delivered
}

const (
	// maxSuspects bounds the memory. Beyond it all counts begin again.
	maxSuspects = 20_000
	// suspectAfter is how many failures while others pass make an entry suspect.
	suspectAfter = 2
)

// failed counts a failure of an entry and returns how often it has failed while others passed. delivered is how many entries
// the relay has delivered in all.
func (s *suspects) failed(enrollment string, seq int64, delivered uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, known := s.entries[enrollment]
	if !known || one.seq != seq {
		if s.entries == nil || len(s.entries) >= maxSuspects {
			s.entries = map[string]suspect{}
		}
		one = suspect{seq: seq, delivered: delivered}
	}
	if delivered != one.delivered {
		one.delivered = delivered
		one.passed++
	}
	s.entries[enrollment] = one
	return one.passed
}

// clear forgets the entries of an enrollment: the one that failed is delivered, or a dead letter.
func (s *suspects) clear(enrollment string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, enrollment)
}

// full reports whether no more suspects may be tried now.
func (s *suspects) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy >= s.slots
}

// admit reports whether an enrollment may be served now. done must be called after it was served.
func (s *suspects) admit(enrollment string) (done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[enrollment].passed < suspectAfter {
		return func() {}, true
	}
	if s.busy >= s.slots {
		return nil, false
	}
	s.busy++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy--
	}, true
}
