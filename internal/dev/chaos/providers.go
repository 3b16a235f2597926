package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// sendTimeout is the workers' --send-timeout: after it the client is gone.
const sendTimeout = 2 * time.Second

// behavior is what a provider does with a call.
type behavior int

const (
	good        behavior = iota
	hangs                // never responds; the message is not accepted
	refuses              // refuses for now; the message is not accepted
	rejects              // refuses for good; the message is not accepted
	answersLate          // accepts, and responds after the client has timed out
	dropsAfter           // accepts, and drops the connection without a response
	dropsBefore          // drops the connection before it accepts
	behaviors
)

// providers receive the sends: one over HTTP that accepts each key once, and a mail server that accepts everything.
type providers struct {
	mu      sync.Mutex
	random  *rand.Rand
	mode    behavior // present behavior
	odds    float64  // probability that a call meets it
	records map[string]*record
	onMail  func(key string, raw []byte) // of each mail that is accepted; nil: nobody reads them

	keyed *keyedProvider
	mail  *mailProvider
}

// record is what a provider knows about a ledger key.
type record struct {
	calls    int // calls that reached the provider
	taken    int // calls that were accepted; a keyed provider has one effect
	rejected int // calls that were refused for good
	content  map[string]bool
	channel  string
	last     time.Time // when the last call was accepted, in wall time
}

func startProviders(seed uint64) *providers {
	p := &providers{random: rand.New(rand.NewPCG(seed, 1)), records: map[string]*record{}}
	p.keyed = startKeyedProvider(p)
	p.mail = startMailProvider(p)
	return p
}

func (p *providers) close() {
	p.keyed.close()
	p.mail.close()
}

// changeBehavior changes the providers' behavior every few seconds until ctx ends.
func (p *providers) changeBehavior(ctx context.Context) {
	for {
		p.mu.Lock()
		p.mode, p.odds = good, 0
		if p.random.Float64() < 0.7 {
			p.mode = 1 + behavior(p.random.IntN(int(behaviors)-1))
			p.odds = 0.1 + 0.4*p.random.Float64()
			if p.random.Float64() < 0.15 {
				p.odds = 1
			}
			if p.mode == rejects {
				p.odds = 0.05
			}
		}
		pause := time.Duration(2+p.random.IntN(4)) * time.Second
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// behave makes the providers accept everything.
func (p *providers) behave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode, p.odds = good, 0
}

// nextBehavior counts a call and draws what happens to it.
func (p *providers) nextBehavior(channel, key string) behavior {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.records[key]
	if r == nil {
		r = &record{content: map[string]bool{}, channel: channel}
		p.records[key] = r
	}
	r.calls++
	if p.odds > 0 && p.random.Float64() < p.odds {
		return p.mode
	}
	return good
}

// take records that a call was accepted.
func (p *providers) take(key, content string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[key].taken++
	p.records[key].last = clock.Wall()
	p.records[key].content[content] = true
}

func (p *providers) reject(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[key].rejected++
}
