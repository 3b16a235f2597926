package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/mailproviders"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// reportSecret signs the reports of the mail provider, as Resend's.
const reportSecret = "whsec_cmVwb3J0c3JlcG9ydHNyZXBvcnRzcmVwb3J0cw=="

// repeatedOf is of how many reports about one is sent again within six seconds although it was acknowledged.
const repeatedOf = 3

// reporter reports each accepted mail as delivered, until the gateway acknowledges it, as a mail provider does.
type reporter struct {
	url    string
	client *http.Client
	from   *providers
	random *rand.Rand
	calls  atomic.Int64
	failed atomic.Int64 // of the calls

	mu    sync.Mutex
	acked map[string]bool // by ledger key: whether an event was accepted, or the report was ignored
}

func newReporter(url string, p *providers, seed uint64) *reporter {
	return &reporter{
		url: url, from: p, client: &http.Client{Timeout: patience}, random: rand.New(rand.NewPCG(seed, 7)), acked: map[string]bool{},
	}
}

// run reports until ctx ends.
func (r *reporter) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.round(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// finish reports what is left.
func (r *reporter) finish(ctx context.Context) error {
	for {
		left := r.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case left == 0:
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// round reports each mail that was not acknowledged, and some that were. left is how many of the former there were.
func (r *reporter) round(ctx context.Context) (left int) {
	r.from.mu.Lock()
	var due []string
	for key, record := range r.from.records {
		if record.channel == "email" && record.taken > 0 {
			due = append(due, key)
		}
	}
	r.from.mu.Unlock()
	for _, key := range due {
		r.mu.Lock()
		_, acked := r.acked[key]
		r.mu.Unlock()
		if acked && r.random.IntN(30*repeatedOf) != 0 {
			continue
		}
		if !acked {
			left++
		}
		r.calls.Add(1)
		if err := r.report(ctx, key); err != nil {
			r.failed.Add(1)
		}
	}
	return left
}

// report makes one call.
func (r *reporter) report(ctx context.Context, key string) error {
	body, err := json.Marshal(map[string]any{
		"type": "email.delivered", "created_at": "2026-03-02T10:00:00Z",
		"data": map[string]any{"tags": map[string]string{"tabi-key": base64.RawURLEncoding.EncodeToString([]byte(key))}},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/v1/providers/resend", bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range mailproviders.Resend(reportSecret, "delivered-"+key, body, clock.Wall(), "") {
		req.Header[name] = values
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Accepted int }
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("a report is answered %s", resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil { // the answer was lost: it is sent again
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked[key] = r.acked[key] || answer.Accepted == 1
	return nil
}

// reports checks that each report that was acknowledged is in the store, once.
func (r *result) reports(acked map[string]bool) {
	found := map[string]int{}
	for _, e := range r.f.events {
		if e.reported() {
			found[e.key]++
		}
	}
	for key, accepted := range acked {
		row := r.f.rows[key]
		switch {
		case row == nil || unit.IsPseudonym(row.customer): // the customer was forgotten, with the events
		case !accepted:
			r.unexplained("the report of the mail %s was ignored", key)
		case found[key] == 0:
			r.lose("the report of the mail %s was acknowledged, and is not in the store", key)
		case found[key] > 1:
			r.duplicate("the report of the mail %s counts %d times", key, found[key])
		}
		delete(found, key)
	}
	for key := range found {
		r.unexplained("the store has a report of the mail %s that was never acknowledged", key)
	}
}

// reported reports whether an event is a provider's report.
func (e *storedEvent) reported() bool {
	return e.name == event.EmailDelivered && strings.HasPrefix(e.id, event.MailPrefix)
}
