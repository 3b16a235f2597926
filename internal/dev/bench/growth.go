package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/tabi-journeys/tabi/internal/childproc"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// Numbers of waiting enrollments: first a small installation, then one that grows.
var (
	shortSizes = []int{1_000, 5_000}
	longSizes  = []int{1_000, 20_000, 100_000}
)

// growthPart measures journeys per second with a growing number of waiting enrollments, in turns with a second
// installation where few wait, on a server of its own. It also measures memory, disk and the time to restart.
func growthPart(ctx context.Context, b *bench, s *server, out *section) error {
	sizes := shortSizes
	if b.long {
		sizes = longSizes
	}
	if b.sizes != nil {
		sizes = b.sizes
	}
	binaries := filepath.Join(b.dir, "binaries")
	if err := buildBinaries(ctx, binaries); err != nil {
		return err
	}
	other, err := startServer(ctx, s.name, filepath.Join(b.dir, s.name+"-small"))
	if err != nil {
		return err
	}
	defer other.stop()
	small, err := newInstallationUnderLoad(ctx, other, "small", sizes[0], binaries, filepath.Join(b.dir, "log", s.name+"-small"),
		b.encryption)
	if err != nil {
		return err
	}
	defer small.close()
	if _, err := small.grow(ctx, sizes[0]); err != nil {
		return err
	}
	small.in.stop()
	large, err := newInstallationUnderLoad(ctx, s, "large", sizes[len(sizes)-1], binaries, filepath.Join(b.dir, "log", s.name+"-large"),
		b.encryption)
	if err != nil {
		return err
	}
	defer large.close()
	first := map[string]float64{}
	var taken databaseBytes
	was := 0
	for i, size := range sizes {
		label := figure(float64(size)) + " waiting"
		rate, err := large.grow(ctx, size)
		if err != nil {
			return err
		}
		out.put("entries into "+label, rate, "enrollments/s")
		now, err := large.w.databaseSizes(ctx)
		if err != nil {
			return err
		}
		putDatabaseSizes(out, now, taken, size, was)
		taken, was = now, size
		for _, p := range []struct {
			name string
			of   *childproc.Process
		}{{"worker", large.in.worker}, {"gateway", large.in.gateway}} {
			name, mib := p.name, resident(p.of)
			if i == 0 {
				first[name] = mib
			}
			out.putRatio(name+", "+label, mib, "MiB", figure(float64(sizes[0]))+" waiting", first[name])
			b.logf("%s, %s: %s %.0f MiB", s.name, label, name, mib)
		}
		if i == 0 {
			large.in.stop()
			continue
		}
		if size == sizes[len(sizes)-1] {
			ready, answered, err := large.restart(ctx)
			if err != nil {
				return err
			}
			out.put("kill -9 to ready, "+label, ready, "s")
			out.put("kill -9 to the first event answered, "+label, answered, "s")
			b.logf("%s, %s: ready %.2f s after kill -9, an event answered after %.2f s", s.name, label, ready, answered)
		}
		large.in.stop()
		if err := b.comparePair(ctx, out, small, large, figure(float64(sizes[0]))+" waiting", label); err != nil {
			return err
		}
	}
	return nil
}

// comparePair measures the large and the small installation in turns.
func (b *bench) comparePair(ctx context.Context, out *section, small, large *installationUnderLoad, few, many string) error {
	rates, costs := map[string][]float64{}, map[string][]float64{}
	for round := range b.rounds + 1 {
		for _, side := range []struct {
			name string
			g    *installationUnderLoad
		}{{few, small}, {many, large}} {
			name, g, n := side.name, side.g, b.journeys
			if round == 0 { // warm-up
				n = min(n, b.slots)
			}
			rate, cpu, err := b.turn(ctx, g.w, g.tabi, n, "")
			if err != nil {
				return err
			}
			if round > 0 {
				rates[name], costs[name] = append(rates[name], rate), append(costs[name], cpu)
				b.logf("round %d, %s: %.0f journeys/s, %.1f ms of CPU each", round, name, rate, cpu)
			}
		}
	}
	out.putComparison("tabi, with shared work, "+many, rates[many], "journeys/s", few, rates[few])
	out.putComparison("tabi, with shared work, "+many, costs[many], "ms CPU/journey", few, costs[few])
	return nil
}

// installationUnderLoad is an installation with waiting enrollments.
type installationUnderLoad struct {
	w    *environment
	in   *installation
	tabi variant
	ids  []string
	size int
}

func newInstallationUnderLoad(ctx context.Context, s *server, name string, most int, binaries, log string, encrypts bool) (
	*installationUnderLoad, error,
) {
	w, err := openEnvironment(ctx, s, "growth-"+name)
	if err != nil {
		return nil, err
	}
	g := &installationUnderLoad{w: w, ids: w.newCustomers(most)}
	if g.in, err = install(w, binaries, log, encrypts); err != nil {
		w.close()
		return nil, err
	}
	if g.tabi, err = w.tabi(true); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// grow starts the processes and enrolls customers until `size` of them wait. It returns entries per second, and
// leaves the processes running.
func (g *installationUnderLoad) grow(ctx context.Context, size int) (float64, error) {
	if err := g.in.start(ctx); err != nil {
		return 0, err
	}
	began := clock.Wall()
	if err := g.in.enterAndWait(ctx, g.ids, g.size, size); err != nil {
		return 0, fmt.Errorf("waiting for %d enrollments to wait: %w", size, err)
	}
	rate := float64(size-g.size) / clock.Wall().Sub(began).Seconds()
	g.size = size
	return rate, nil
}

// restart kills both processes and starts them again. It returns the seconds until both were ready, and the seconds
// until a waiting enrollment had answered an event.
func (g *installationUnderLoad) restart(ctx context.Context) (ready, answered float64, err error) {
	g.in.kill()
	began := clock.Wall()
	if err := g.in.start(ctx); err != nil {
		return 0, 0, err
	}
	ready = clock.Wall().Sub(began).Seconds()
	if err := g.in.answerOne(ctx, g.ids, 0); err != nil {
		return 0, 0, err
	}
	return ready, clock.Wall().Sub(began).Seconds(), nil
}

func (g *installationUnderLoad) close() {
	g.in.close()
	g.w.close()
}
