// Package channeltest is the conformance suite of channels, and a fake channel for tests of what calls them.
package channeltest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tabi-journeys/tabi/channel"
)

// Provider is a provider that the channel under test sends to, and that can be made to fail. Functions that do not
// apply are nil.
type Provider struct {
	// Open opens the channel under test, on this provider.
	Open func(t *testing.T) channel.Channel
	// Message is one that the provider accepts. Exercise sets its key.
	Message channel.Message
	// Received returns how many messages the provider got under a ledger key.
	Received func(key string) int
	// Refuse makes the provider refuse for good.
	Refuse func()
	// NotNow makes the provider refuse for now.
	NotNow func()
	// LoseAnswer makes the provider accept the message and lose the connection before it responds.
	LoseAnswer func()
	// Hang makes the provider accept the message and never respond. Hung gets a value when that begins.
	Hang func()
	Hung <-chan struct{}
	// Clear ends every failure.
	Clear func()
}

// Exercise runs the suite: outcomes, refusals without a request, failures of the provider, concurrency, closing.
func Exercise(t *testing.T, p Provider) {
	t.Helper()
	c := p.Open(t)
	message := func(key string) channel.Message {
		m := p.Message
		m.Key = key
		return m
	}
	send := func(key string) channel.Receipt { return c.Send(t.Context(), message(key)) }

	// Subtests share the provider and its failures, so they do not run in parallel.
	t.Run("sent", func(t *testing.T) {
		expect(t, send("e1/hello.1/1"), channel.Sent)
		received(t, p, "e1/hello.1/1", 1)
	})
	t.Run("spec", func(t *testing.T) {
		if c.Spec().Name == "" {
			t.Error("the spec has no name")
		}
	})
	t.Run("no key", func(t *testing.T) { expect(t, send(""), channel.Refused) })
	if c.Spec().Address != "" {
		t.Run("no address", func(t *testing.T) {
			m := message("e1/address/1")
			m.Address = " "
			expect(t, c.Send(t.Context(), m), channel.Refused)
			received(t, p, m.Key, 0)
		})
	}
	for _, f := range c.Spec().Fields {
		if !f.Required {
			continue
		}
		t.Run("empty "+f.Name, func(t *testing.T) {
			m := message("e1/" + f.Name + "/1")
			m.Fields = map[string]string{}
			for name, text := range p.Message.Fields {
				if name != f.Name && name != f.Or {
					m.Fields[name] = text
				}
			}
			expect(t, c.Send(t.Context(), m), channel.Refused)
			received(t, p, m.Key, 0)
		})
	}
	t.Run("too late", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		expect(t, c.Send(ctx, message("e1/late/1")), channel.NotSent)
		received(t, p, "e1/late/1", 0)
	})
	failure := func(name string, order func(), want channel.Outcome) {
		if order == nil {
			return
		}
		t.Run(name, func(t *testing.T) {
			order()
			key := "e1/" + name + "/1"
			r := send(key)
			expect(t, r, want)
			if r.Reason == "" {
				t.Error("no reason is given")
			}
			if a := p.Message.Address; a != "" && strings.Contains(r.Reason, a) {
				t.Errorf("the reason tells the address: %s", r.Reason)
			}
			p.Clear()
			expect(t, send(key+"0"), channel.Sent)
			received(t, p, key+"0", 1)
		})
	}
	failure("refused", p.Refuse, channel.Refused)
	failure("not-now", p.NotNow, channel.NotSent)
	failure("lost", p.LoseAnswer, channel.Unknown)
	if p.Hang != nil {
		t.Run("hang", func(t *testing.T) {
			p.Hang()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			got := make(chan channel.Receipt, 1)
			go func() { got <- c.Send(ctx, message("e1/hang/1")) }()
			<-p.Hung
			cancel()
			expect(t, <-got, channel.Unknown)
			p.Clear()
			expect(t, send("e1/hang/2"), channel.Sent)
		})
	}
	t.Run("at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				expect(t, send(fmt.Sprintf("e%d/at.once/1", i)), channel.Sent)
			})
		}
		wg.Wait()
		for i := range 24 {
			received(t, p, fmt.Sprintf("e%d/at.once/1", i), 1)
		}
	})
	t.Run("close", func(t *testing.T) {
		for range 2 {
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
}

func expect(t *testing.T, r channel.Receipt, want channel.Outcome) {
	t.Helper()
	if r.Outcome != want {
		t.Errorf("got %+v, want %s", r, want)
	}
}

func received(t *testing.T, p Provider, key string, want int) {
	t.Helper()
	if p.Received == nil {
		return
	}
	if got := p.Received(key); got != want {
		t.Errorf("the provider got %d messages under %s, want %d", got, key, want)
	}
}
