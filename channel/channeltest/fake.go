package channeltest

import (
	"context"
	"slices"
	"sync"

	"github.com/tabi-journeys/tabi/channel"
)

// Fake is a channel without a provider: it answers as the test asks, and keeps the messages it was given. It is safe
// for concurrent use.
type Fake struct {
	spec    channel.Spec
	dedupes bool

	mu       sync.Mutex
	receipts []channel.Receipt
	got      []channel.Message
}

// NewFake returns a fake with a spec. It answers with receipts in order; the last one is repeated, and without any every
// message is sent.
func NewFake(spec channel.Spec, receipts ...channel.Receipt) *Fake {
	return &Fake{spec: spec, receipts: receipts}
}

// Deduping makes the fake report that its provider drops repeats of a key. It returns the fake.
func (f *Fake) Deduping(dedupes bool) *Fake {
	f.dedupes = dedupes
	return f
}

// Answer replaces the receipts that are still to come.
func (f *Fake) Answer(receipts ...channel.Receipt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.receipts = slices.Clone(receipts)
}

// Sent returns the messages so far, in order.
func (f *Fake) Sent() []channel.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// Spec implements channel.Channel.
func (f *Fake) Spec() channel.Spec { return f.spec }

// Dedupes implements channel.Channel.
func (f *Fake) Dedupes() bool { return f.dedupes }

// Close implements channel.Channel.
func (f *Fake) Close() error { return nil }

// Send implements channel.Channel.
func (f *Fake) Send(_ context.Context, m channel.Message) channel.Receipt {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, m)
	if len(f.receipts) == 0 {
		return channel.Receipt{Outcome: channel.Sent}
	}
	r := f.receipts[0]
	if len(f.receipts) > 1 {
		f.receipts = f.receipts[1:]
	}
	return r
}
