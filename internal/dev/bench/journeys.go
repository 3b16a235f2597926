package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
)

// journeysPart measures journeys per second of plain, tuned and tabi, in turns.
func journeysPart(ctx context.Context, b *bench, s *server, out *section) error {
	for _, duties := range []bool{true, false} {
		if err := compareVariants(ctx, b, s, out, duties); err != nil {
			return err
		}
	}
	return nil
}

func compareVariants(ctx context.Context, b *bench, s *server, out *section, duties bool) error {
	label := "with shared work"
	if !duties {
		label = "without shared work"
	}
	w, err := openEnvironment(ctx, s, "journeys-"+map[bool]string{true: "d", false: "b"}[duties])
	if err != nil {
		return err
	}
	defer w.close()
	all, err := w.variants(duties)
	if err != nil {
		return err
	}
	if b.encryption {
		encrypted, err := w.encrypted(ctx, duties)
		if err != nil {
			return err
		}
		all = append(all, encrypted)
	}
	rates, costs := map[string][]float64{}, map[string][]float64{}
	for round := range b.rounds + 1 { // the first is warm-up
		n := b.journeys
		if round == 0 {
			n = min(n, 2*b.slots)
		}
		for _, v := range all {
			rate, cpu, err := b.turn(ctx, w, v, n, b.profile(round, fmt.Sprintf("%s-shared-work=%t", v.name, duties)))
			if err != nil {
				return err
			}
			if round > 0 {
				rates[v.name], costs[v.name] = append(rates[v.name], rate), append(costs[v.name], cpu)
				b.logf("%s, %s, round %d: %s %.0f journeys/s, %.1f ms of CPU each", s.name, label, round, v.name, rate, cpu)
			}
		}
	}
	for _, f := range []struct {
		unit   string
		values map[string][]float64
	}{{"journeys/s", rates}, {"ms CPU/journey", costs}} {
		out.putComparison("tabi, "+label, f.values["tabi"], f.unit, "plain", f.values["plain"])
		out.putComparison("tabi, "+label, f.values["tabi"], f.unit, "tuned", f.values["tuned"])
		out.putComparison("tuned, "+label, f.values["tuned"], f.unit, "plain", f.values["plain"])
		out.putRounds("plain, "+label, f.values["plain"], f.unit)
		if b.encryption {
			out.putComparison("encrypted, "+label, f.values["encrypted"], f.unit, "tabi", f.values["tabi"])
		}
	}
	if b.encryption {
		b.logf("%s, %s: encryption: %.2f × journeys/s without", s.name, label, median(ratios(rates["encrypted"], rates["tabi"])))
	}
	return nil
}

// turn is one measurement: n journeys of a variant. It returns journeys per second and the CPU time of each in
// milliseconds, of the servers and of this process. Opening the enrollments is not measured; it is the same for all.
func (b *bench) turn(ctx context.Context, w *environment, v variant, n int, profile string) (rate, cpu float64, err error) {
	entrants, err := w.enrollCustomers(ctx, n, "Bench Started", "Bench Answered")
	if err != nil {
		return 0, 0, err
	}
	before := w.stub.sent.Load()
	stop, err := profiled(profile)
	if err != nil {
		return 0, 0, err
	}
	used := cpuTime(w.server.pids())
	took, err := runLoad(ctx, v, entrants, b.slots)
	used = cpuTime(w.server.pids()) - used
	stop()
	if err != nil {
		return 0, 0, err
	}
	// Without a ledger, the local activities of a repeated workflow task send again.
	if sent := w.stub.sent.Load() - before; v.duties && sent != int64(2*n) || sent < int64(2*n) {
		return 0, 0, fmt.Errorf("%s: %d journeys made %d sends, not two each", v.name, n, sent)
	}
	return float64(n) / took.Seconds(), milliseconds(used) / float64(n), nil
}

// profile returns the file of a CPU profile of the last round; empty where none was asked for.
func (b *bench) profile(round int, name string) string {
	if b.profiles == "" || round != b.rounds {
		return ""
	}
	return filepath.Join(b.profiles, strings.ReplaceAll(name, " ", "-")+".cpu")
}

// profiled writes a CPU profile to a file until stop is called; without a path it does nothing.
func profiled(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
