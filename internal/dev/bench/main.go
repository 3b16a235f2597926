// Bench measures what the product promises: journeys per second, the cost of one journey, the time from an event to a
// send, intake, growth and simulation. Each is measured in turns with something to compare it with, so that the
// ratios hold on a machine that others use too. It starts what it needs, prints a table and writes bench.json.
// docs/performance.md explains the figures.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// bench is one run of the program.
type bench struct {
	parts    []string
	servers  []string
	rounds   int
	slots    int
	journeys int
	// simulated is the number of customers in each round of part simulation.
	simulated int
	customers int           // of part intake
	turnTime  time.Duration // of part intake
	long      bool
	// encryption adds a variant with encryption to part journeys, and encrypts in part growth.
	encryption bool
	sizes      []int // of part growth; nil: those of the short or long form
	output     string
	profiles   string
	dir        string // temporary files
	out        *os.File
}

// part is a value of --parts.
type part struct {
	name  string
	alone bool // needs no server
	run   func(ctx context.Context, b *bench, s *server, out *section) error
}

var parts = []part{
	{"journeys", false, journeysPart},
	{"cost", false, costPart},
	{"latency", false, latencyPart},
	{"intake", false, intakePart},
	{"growth", false, growthPart},
	{"simulation", true, simulationPart},
	{"redirects", true, redirectsPart},
}

func partNames() []string {
	var out []string
	for _, p := range parts {
		out = append(out, p.name)
	}
	return out
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app.TuneGateway() // a gateway runs in this process, as in serve
	b := &bench{out: os.Stderr}
	fs := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	fs.StringSliceVar(&b.parts, "parts", partNames(), "what to measure")
	fs.StringSliceVar(
		&b.servers,
		"server",
		serverNames,
		"servers: dev (Temporal's development server, SQLite), postgres (Temporal and tabi on PostgreSQL)",
	)
	fs.IntVar(&b.rounds, "rounds", 7, "rounds in which the variants take turns")
	fs.IntVar(&b.slots, "slots", 40, "journeys that run at a time")
	fs.IntVar(&b.journeys, "journeys", 160, "journeys in each turn")
	fs.IntVar(&b.simulated, "simulated", 300, "part simulation: customers in each round")
	fs.IntVar(&b.customers, "customers", 10_000, "part intake: customers who send events")
	fs.DurationVar(&b.turnTime, "turn", 2*time.Second, "parts intake and redirects: length of a turn")
	fs.BoolVar(&b.long, "long", false, "part growth: up to 100,000 waiting enrollments instead of 5,000")
	fs.IntSliceVar(
		&b.sizes,
		"sizes",
		nil,
		"part growth: numbers of waiting enrollments, one after the other",
	)
	fs.BoolVar(&b.encryption, "encryption", false,
		"part journeys: compare tabi with encryption to tabi without; part growth: encrypt")
	fs.StringVar(&b.output, "output", "bench.json", "file for the figures")
	fs.StringVar(&b.profiles, "profiles", "", "folder for CPU profiles of the last round of parts journeys and intake")
	if err := fs.Parse(os.Args[1:]); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// run measures and prints the report.
func (b *bench) run(ctx context.Context) error {
	book, err := b.measure(ctx)
	if book != nil {
		book.print(os.Stdout)
	}
	return err
}

// measure runs the chosen parts and saves the report, also after a failure.
func (b *bench) measure(ctx context.Context) (book *Report, err error) {
	chosen, err := b.chosen()
	if err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "tabi-bench-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.profiles != "" {
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return nil, err
		}
	}
	began := clock.Wall()
	book = &Report{
		Machine:  thisMachine(),
		Versions: versions(),
		Commands: []string{strings.TrimSpace("go run ./internal/dev/bench " + strings.Join(os.Args[1:], " "))},
	}
	defer func() {
		book.Seconds = clock.Wall().Sub(began).Seconds()
		if b.output != "" {
			err = errors.Join(err, book.save(b.output))
		}
	}()
	for _, p := range chosen {
		if p.alone {
			if err := p.run(ctx, b, nil, &section{book: book, part: p.name}); err != nil {
				return book, fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	for _, name := range b.servers {
		if err := b.measureServer(ctx, name, chosen, book); err != nil {
			return book, fmt.Errorf("%s: %w", name, err)
		}
	}
	return book, nil
}

// measureServer runs the parts on one server.
func (b *bench) measureServer(ctx context.Context, name string, chosen []part, book *Report) error {
	if !slices.ContainsFunc(chosen, func(p part) bool { return !p.alone }) {
		return nil
	}
	b.logf("starting server %s", name)
	s, err := startServer(ctx, name, filepath.Join(b.dir, name))
	if err != nil {
		return err
	}
	defer s.stop()
	for key, v := range s.versions {
		book.Versions[key] = v
	}
	for _, p := range chosen {
		if p.alone {
			continue
		}
		b.logf("%s, %s", name, p.name)
		if err := p.run(ctx, b, s, &section{book: book, part: p.name, server: name}); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// chosen returns the parts that were asked for, in the table's order.
func (b *bench) chosen() ([]part, error) {
	for _, name := range b.parts {
		if !slices.Contains(partNames(), name) {
			return nil, fmt.Errorf("--parts: there is no %q; there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return !slices.Contains(b.parts, p.name) }), nil
}

// logf reports progress on standard error.
func (b *bench) logf(format string, args ...any) { _, _ = fmt.Fprintf(b.out, format+"\n", args...) }
