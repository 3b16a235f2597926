// Demo plays four customers through the shipped journeys on the real system: `tabi dev` with Temporal, mail and push
// sinks and the agents' inbox. With CI set it runs faster, checks the results and exits; otherwise it keeps running.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// origin is the virtual time at which the demo begins: a Monday morning.
var origin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("CI") != ""); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, ci bool) error {
	scale := 720.0 // a day takes two minutes
	if ci {
		scale = 1800
	}
	say("Starting tabi: Temporal, worker, gateway, mail and push sinks (a day takes %.0f seconds here).", 86400/scale)
	dev, err := startDev(ctx, scale, ci)
	if err != nil {
		return err
	}
	defer dev.stop()
	w := &player{seen: map[string]*progress{}, gateway: dev.gateway, scale: scale, began: clock.Wall(), ci: ci}
	fmt.Printf(
		"\n  agents' inbox  %s/inbox\n  mails          %s/dev/mail\n  pushes         %s/dev/push\n",
		dev.gateway,
		dev.gateway,
		dev.gateway,
	)
	if dev.ui != "" {
		fmt.Printf("  Temporal       %s/namespaces/default/workflows\n", dev.ui)
	}
	fmt.Println()

	if err := w.play(ctx); err != nil {
		return err
	}
	if err := w.check(ctx, dev.temporal); err != nil {
		return err
	}
	say("Done: all journeys ended as they should (%d checks).", w.checks)
	if ci {
		return nil
	}
	say("tabi keeps running: open the links above, send events of your own (bin/tabi track …), stop it with Ctrl-C.")
	<-ctx.Done()
	return nil
}

// say prints a line.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
