package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// fault is something that is done to the running system. inject returns when everything runs again.
type fault struct {
	name   string
	inject func(ctx context.Context, g *cluster, dark time.Duration) error
}

// faultLog is what a run must know about the faults that were injected.
type faultLog struct {
	outage    time.Duration // the longest time that something was down
	published time.Time     // when the second release was published
}

func killFault(names ...string) fault {
	return fault{"kill -9 " + strings.Join(names, " and "), func(ctx context.Context, g *cluster, dark time.Duration) error {
		for _, name := range names {
			g.kill(name)
		}
		pause(ctx, dark)
		for _, name := range names {
			if err := g.start(name); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Names of the faults that are not possible everywhere.
const (
	killPostgres   = "kill -9 PostgreSQL"
	killTemporalDB = "kill -9 Temporal's PostgreSQL"
	fullDisk       = "the store's disk is full"
)

// firstWait is how long journey trial waits before its first send.
const firstWait = 40 * time.Minute

// repeatedFaults are injected in every cycle.
var repeatedFaults = []fault{
	killFault("worker-1"),
	killFault("worker-2"),
	killFault("worker-1", "worker-2"),
	killFault("serve"), // the gateway and its relay; the workers' relays keep running
	killFault("serve", "worker-1", "worker-2"),
	{"kill -9 Temporal", func(ctx context.Context, g *cluster, dark time.Duration) error {
		g.temporal.Kill()
		pause(ctx, dark)
		return g.temporal.Start(ctx)
	}},
	{"Temporal is away while customers enter", func(ctx context.Context, g *cluster, dark time.Duration) error {
		g.temporal.Kill() // for longer than the first wait of journey trial
		pause(ctx, dark+g.clock.Real(firstWait))
		return g.temporal.Start(ctx)
	}},
	{"processes with a wrong namespace", func(ctx context.Context, g *cluster, _ time.Duration) error {
		return errors.Join(g.stranger(ctx, "serve"), g.stranger(ctx, "worker"))
	}},
	{killPostgres, func(ctx context.Context, g *cluster, dark time.Duration) error {
		if err := g.database.kill(); err != nil {
			return err
		}
		pause(ctx, dark)
		return g.database.start()
	}},
	{killTemporalDB, func(ctx context.Context, g *cluster, dark time.Duration) error {
		if err := g.temporalDB.Kill(); err != nil {
			return err
		}
		pause(ctx, dark)
		return g.temporalDB.Start()
	}},
	{"kill -9 of everything", func(ctx context.Context, g *cluster, dark time.Duration) error {
		g.temporal.Kill()
		if err := g.database.kill(); err != nil {
			return err
		}
		if g.temporalDB != nil {
			if err := g.temporalDB.Kill(); err != nil {
				return err
			}
		}
		for _, name := range []string{"serve", "worker-1", "worker-2"} {
			g.kill(name)
		}
		pause(ctx, dark)
		if g.temporalDB != nil {
			if err := g.temporalDB.Start(); err != nil {
				return err
			}
		}
		if err := g.database.start(); err != nil {
			return err
		}
		if err := g.temporal.Start(ctx); err != nil {
			return err
		}
		for _, name := range []string{"serve", "worker-1", "worker-2"} {
			if err := g.start(name); err != nil {
				return err
			}
		}
		return nil
	}},
	{fullDisk, func(ctx context.Context, g *cluster, dark time.Duration) error {
		if err := g.disk.fill(); err != nil {
			return err
		}
		err := g.database.awaitFull(ctx)
		pause(ctx, dark)
		if err := errors.Join(err, g.disk.free()); err != nil {
			return err
		}
		return g.database.recover(ctx)
	}},
}

// deployFaults are injected once.
var deployFaults = []fault{
	{"deploy of a new journey revision", func(ctx context.Context, g *cluster, _ time.Duration) error { return g.publish(ctx, true) }},
	{"deploy of a new binary", func(ctx context.Context, g *cluster, _ time.Duration) error {
		g.mu.Lock()
		g.next = true
		g.mu.Unlock()
		for _, name := range []string{"worker-1", "serve", "worker-2"} {
			if took := g.stop(name); took > 10*time.Second {
				return fmt.Errorf("%s took %s to end after SIGTERM, want at most ten seconds", name, took)
			}
			if err := g.start(name); err != nil {
				return err
			}
		}
		return nil
	}},
}

// injectFaults injects all of them in random order, with pauses between them.
func (g *cluster) injectFaults(ctx context.Context, o options, began time.Time) (*faultLog, error) {
	r := rand.New(rand.NewPCG(o.seed, 4))
	h := &faultLog{}
	var list []fault
	possible := slices.DeleteFunc(slices.Clone(repeatedFaults), func(d fault) bool {
		return d.name == killPostgres && g.database.server == nil || d.name == killTemporalDB && g.temporalDB == nil ||
			d.name == fullDisk && !g.disk.small
	})
	for range o.cycles {
		turn := slices.Clone(possible)
		r.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
		list = append(list, turn...)
	}
	for _, d := range deployFaults { // in the middle half of the run
		at := len(list)/4 + r.IntN(len(list)/2+1)
		list = append(list[:at], append([]fault{d}, list[at:]...)...)
	}
	gap := o.spread / time.Duration(len(list))
	for i, d := range list {
		pause(ctx, began.Add(gap*time.Duration(i)+gap/2).Sub(clock.Wall()))
		dark := time.Duration(500+r.IntN(2500)) * time.Millisecond
		from := clock.Wall()
		if err := d.inject(ctx, g, dark); err != nil {
			return h, fmt.Errorf("%s: %w", d.name, err)
		}
		if strings.Contains(d.name, "revision") {
			h.published = clock.Wall()
		}
		if err := g.ready(ctx); err != nil {
			return h, fmt.Errorf("after %s: %w", d.name, err)
		}
		took := clock.Wall().Sub(from)
		h.outage = max(h.outage, took)
		logf("%s: serving again after %s", d.name, took.Round(10*time.Millisecond))
		if ctx.Err() != nil {
			return h, ctx.Err()
		}
	}
	return h, nil
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
