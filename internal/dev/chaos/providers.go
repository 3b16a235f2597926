package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// sendTimeout is the workers' --send-timeout: what takes longer has lost its client.
const sendTimeout = 2 * time.Second

// behavior is what a provider does to a call.
type behavior int

const (
	good        behavior = iota
	hangs                // never answers; nothing is taken
	refuses              // says that it cannot now; nothing is taken
	rejects              // says no for good; nothing is taken
	answersLate          // takes it, and answers when the client has given up
	dropsAfter           // takes it, and hangs up without an answer
	dropsBefore          // hangs up before it has taken it
	behaviors
)

// providers are what the sends go to: one over HTTP that takes each key once, and a mail server that takes
// whatever comes.
type providers struct {
	mu      sync.Mutex
	random  *rand.Rand
	mode    behavior // the weather
	odds    float64  // that a call is met by the weather
	records map[string]*record

	keyed *keyedProvider
	mail  *mailProvider
}

// record is what a provider knows of a ledger key.
type record struct {
	calls    int // that came as far as the provider
	taken    int // that were taken; a keyed provider has an effect once
	rejected int // that were refused for good
	content  map[string]bool
	channel  string
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

// changeBehavior changes every few seconds until ctx ends.
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

// behave is good weather from now on.
func (p *providers) behave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode, p.odds = good, 0
}

// nextBehavior counts a call and draws what becomes of it.
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

// take keeps that a call was taken.
func (p *providers) take(key, content string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[key].taken++
	p.records[key].content[content] = true
}

func (p *providers) reject(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[key].rejected++
}
