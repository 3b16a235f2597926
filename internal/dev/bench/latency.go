package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// pauseBetween is the time between two events that are measured one at a time: the work after a send must be done.
const pauseBetween = 20 * time.Millisecond

// slowEvent is the time from event to send that counts as too slow.
const slowEvent = time.Second

// latencyPart measures the time from the gateway to the channel, for one event at a time and at half of the peak
// rate, in turns with a bare hop.
func latencyPart(ctx context.Context, b *bench, s *server, out *section) error {
	alone, crowd, peak := max(b.journeys/4, 1), max(b.journeys/2, 1), 2*b.journeys
	w, err := openEnvironment(ctx, s, "latency")
	if err != nil {
		return err
	}
	defer w.close()
	g, err := w.runTabi(ctx, 64)
	if err != nil {
		return err
	}
	defer g.stop()
	h := newLatencyProbe(w, g)
	n := (alone+crowd)*b.rounds + alone
	tabi, err := h.product(ctx, n+peak)
	if err != nil {
		return err
	}
	bare, err := h.bareHop(ctx, n)
	if err != nil {
		return err
	}
	ways := []*route{tabi, bare}
	if _, _, err := h.oneByOne(ctx, ways, alone); err != nil { // warm-up
		return err
	}
	began := clock.Wall()
	if err := eachOf(ctx, tabi.take(peak), b.slots, func(ctx context.Context, customer string) error {
		_, err := h.measure(ctx, tabi, customer)
		return err
	}); err != nil {
		return err
	}
	rate := float64(peak) / clock.Wall().Sub(began).Seconds()
	out.put("peak, "+itoa(b.slots)+" at a time", rate, "events/s")
	b.logf("%s: peak %.0f events/s from the gateway to the channel", s.name, rate)

	one, half := map[string][][]time.Duration{}, map[string][][]time.Duration{}
	for round := range b.rounds {
		a, c, err := h.oneByOne(ctx, ways, alone)
		if err != nil {
			return err
		}
		one["tabi"], one["bare hop"] = append(one["tabi"], a), append(one["bare hop"], c)
		for _, v := range ways {
			took, err := h.steadily(ctx, v, crowd, rate/2)
			if err != nil {
				return err
			}
			half[v.name] = append(half[v.name], took)
		}
		b.logf(
			"%s, round %d: one at a time p50 %.1f ms, bare %.1f; at half of the peak %.1f, bare %.1f",
			s.name,
			round+1,
			milliseconds(quantile(a, 0.5)),
			milliseconds(quantile(c, 0.5)),
			milliseconds(quantile(half["tabi"][round], 0.5)),
			milliseconds(quantile(half["bare hop"][round], 0.5)),
		)
	}
	out.putLatencies("one at a time", one)
	out.putLatencies("at half of the peak rate", half)
	return nil
}

// putLatencies adds latencies: the median over rounds, the 99th percentile of all, and the number of slow events.
func (s *section) putLatencies(label string, took map[string][][]time.Duration) {
	p50s, all := map[string][]float64{}, map[string][]time.Duration{}
	for name, rounds := range took {
		for _, r := range rounds {
			p50s[name] = append(p50s[name], milliseconds(quantile(r, 0.5)))
			all[name] = append(all[name], r...)
		}
	}
	s.putComparison("event to send, "+label+", p50", p50s["tabi"], "ms", "bare hop", p50s["bare hop"])
	p99, base := milliseconds(quantile(all["tabi"], 0.99)), milliseconds(quantile(all["bare hop"], 0.99))
	s.putRatio("event to send, "+label+", p99", p99, "ms", "bare hop", base)
	s.putRounds("bare hop, "+label+", p50", p50s["bare hop"], "ms")
	s.put("bare hop, "+label+", p99", base, "ms")
	for _, name := range []string{"tabi", "bare hop"} {
		s.put(name+", "+label+", over a second of "+itoa(len(all[name])), float64(over(all[name], slowEvent)), "events")
	}
}

// oneByOne measures n events on both routes, in turns, each alone.
func (h *latencyProbe) oneByOne(ctx context.Context, ways []*route, n int) (first, second []time.Duration, err error) {
	out := make([][]time.Duration, 2)
	who := [][]string{ways[0].take(n), ways[1].take(n)}
	pause := time.NewTicker(pauseBetween)
	defer pause.Stop()
	for i := range n {
		for k, v := range ways {
			d, err := h.measure(ctx, v, who[k][i])
			if err != nil {
				return nil, nil, err
			}
			out[k] = append(out[k], d)
			pause.Reset(pauseBetween)
			<-pause.C
		}
	}
	return out[0], out[1], nil
}

// steadily sends n events at a rate, without waiting for those before.
func (h *latencyProbe) steadily(ctx context.Context, v *route, n int, rate float64) ([]time.Duration, error) {
	pace := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer pace.Stop()
	var mu sync.Mutex
	var out []time.Duration
	var failed error
	var under sync.WaitGroup
	for _, customer := range v.take(n) {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		under.Go(func() {
			d, err := h.measure(ctx, v, customer)
			mu.Lock()
			defer mu.Unlock()
			out, failed = append(out, d), errors.Join(failed, err)
		})
	}
	under.Wait()
	return out, failed
}
