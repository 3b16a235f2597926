// Chaos runs journeys on real processes while it kills them with SIGKILL, fills their disk, breaks the providers and
// deploys. Then it reconciles every event, enrollment, ledger row and provider record. docs/chaos-results.md
// describes what is compared with what.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// form is the size of a run.
type form struct {
	long     bool
	journeys int
	rounds   int           // most rounds of journey cart
	scale    float64       // virtual seconds per second
	spread   time.Duration // time in which customers enter
	cycles   int           // how often each fault is injected
	drain    time.Duration // how long the system may take to finish after the last fault
	disk     int64         // size of the store's disk, in bytes
}

var (
	shortForm = form{journeys: 1000, rounds: 3, scale: 240, spread: 70 * time.Second, cycles: 1, drain: 4 * time.Minute, disk: 768 << 20}
	longForm  = form{
		long:     true,
		journeys: 10_000,
		rounds:   21,
		scale:    60,
		spread:   20 * time.Minute,
		cycles:   8,
		drain:    10 * time.Minute,
		disk:     6 << 30,
	}
)

// options are the settings of a run.
type options struct {
	form
	seed  uint64
	keep  bool
	store string // onPostgres, onSQLite; empty: PostgreSQL where it is installed
	dir   string
}

func main() {
	o := options{form: shortForm}
	long := flag.Bool(
		"long",
		false,
		"10,000 journeys with about 100,000 sends on Temporal with PostgreSQL, instead of 1,000 on the development server",
	)
	journeys := flag.Int("journeys", 0, "number of journeys; 0: that of the short or long form")
	spread := flag.Duration("spread", 0, "time in which customers enter and faults are injected; 0: that of the form")
	flag.Uint64Var(&o.seed, "seed", 0, "seed of all random choices; 0: a new one for each run")
	flag.BoolVar(&o.keep, "keep", false, "keep logs and databases")
	flag.StringVar(&o.store, "store", "", "postgres or sqlite; empty: PostgreSQL where it is installed")
	flag.Parse()
	if o.store != "" && o.store != onPostgres && o.store != onSQLite {
		fmt.Fprintf(os.Stderr, "chaos: --store is %q: want postgres or sqlite\n", o.store)
		os.Exit(2)
	}
	if *long {
		o.form = longForm
	}
	if *journeys > 0 {
		o.journeys = *journeys
	}
	if *spread > 0 {
		o.cycles = max(1, o.cycles*int(*spread)/int(o.spread))
		o.spread = *spread
	}
	if o.seed == 0 {
		o.seed = uint64(clock.Wall().UnixNano())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	good, err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// run is one whole run: it reports whether everything was explained.
func run(ctx context.Context, o options) (good bool, err error) {
	if o.dir, err = os.MkdirTemp("", "tabi-chaos-"); err != nil {
		return false, err
	}
	if err := os.Chmod(o.dir, 0o755); err != nil { // user postgres must be able to enter it
		return false, err
	}
	logf("seed %d; logs in %s", o.seed, o.dir)
	p := startProviders(o.seed)
	defer p.close()
	g, err := startCluster(ctx, o, p)
	asks := true // keep the logs: something needs a look
	defer func() {
		g.end()
		if !asks && !o.keep {
			_ = os.RemoveAll(o.dir)
			return
		}
		logf("logs: %s (repeat with --seed %d)", o.dir, o.seed)
	}()
	if err != nil {
		return false, err
	}
	plan := makePlan(o, p.hookURL())
	drive := newDriver(g.gatewayURL(), plan, o.seed)
	read := startReaders(ctx, g.gatewayURL())
	p.mu.Lock()
	p.onMail = read.got
	p.mu.Unlock()
	began := clock.Wall()
	logf("%d journeys, %d events, in %s; %v virtual seconds a second; encryption and pseudonyms on, %d customers are forgotten", o.journeys,
		len(plan.events), o.spread, o.scale, len(plan.forgets))
	driving, stopDriving := context.WithCancel(ctx)
	defer stopDriving()
	driven := make(chan error, 1)
	go func() { driven <- drive.run(driving) }()
	report := newReporter(g.gatewayURL(), p, o.seed)
	reporting, stopReporting := context.WithCancel(ctx)
	defer stopReporting()
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		report.run(reporting)
	}()
	weather, calm := context.WithCancel(ctx)
	defer calm()
	go p.changeBehavior(weather)
	done, err := g.injectFaults(ctx, o, began)
	calm()
	p.behave()
	if err != nil {
		stopDriving()
		<-driven
		return false, err
	}
	if err := <-driven; err != nil {
		return false, err
	}
	logf(
		"all %d events are acknowledged (%d attempts, %d of them failed), %d bad calls among them were refused; no more faults",
		len(plan.events),
		drive.attempts.Load(),
		drive.failed.Load(),
		drive.refused.Load(),
	)
	quiet := g.drain(ctx, o)
	stopReporting()
	<-reported
	if err := report.finish(ctx); err != nil {
		return false, err
	}
	logf("%d mails are reported as delivered, by %d calls, of which %d failed", len(report.acked), report.calls.Load(),
		report.failed.Load())
	if quiet != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	p.mu.Lock()
	p.onMail = nil
	p.mu.Unlock()
	unjudged := read.finish(ctx, g)
	f, err := takeSnapshot(ctx, g)
	if err != nil {
		return false, err
	}
	r := reconcile(f, plan, p, g, done)
	r.reactions(read)
	r.reports(report.acked)
	for _, fault := range []error{quiet, unjudged} {
		if fault != nil {
			r.unexplained("%v", fault)
		}
	}
	if err := r.scan(ctx, g); err != nil {
		return false, errors.Join(errors.New("cannot look for what is left of forgotten customers"), err)
	}
	if err := r.histories(ctx, g, f); err != nil {
		return false, errors.Join(errors.New("cannot replay the histories"), err)
	}
	logf("took %s", clock.Wall().Sub(began).Round(time.Second))
	good = r.print()
	asks = !good || len(r.late) > 0
	return good, nil
}

// logf prints a line with the time.
func logf(format string, args ...any) {
	fmt.Printf("%s  %s\n", clock.Wall().Format("15:04:05"), fmt.Sprintf(format, args...))
}
