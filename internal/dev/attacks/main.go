// Attacks plays the attacks of strangers against tabi as in production: a gateway and a worker as processes, on PostgreSQL where it is
// installed, with write keys. Each attack prints a line: "held" with what was seen, or "FELL". If any fell, the exit status is 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// An attack returns what was seen, and an error if it did harm.
type attack struct {
	name string
	play func(ctx context.Context, t *target) (evidence string, err error)
}

// attacks are independent of each other: each has customers, and an address, of its own.
var attacks = []attack{
	{"a merge by a web key takes over address, token and opt-out", takeOver},
	{"a page view with the id of an order swallows the order", squatID},
	{"a token of an anonymous inbox reads a user's messages", readInbox},
	{"a web key floods the profiles", flood},
	{"a web key speaks for a user and takes over a device", impersonate},
	{"an id carries terminal escapes", escapes},
	{"a profile grows without end", grow},
	{"a merge makes a profile too large", growByMerge},
	{"numbers of a few bytes are stored as many", swellNumbers},
	{"a customer gets ids without end", collectIDs},
	{"a journey emits its own entry event twice", chainReaction},
	{"a foreign run holds the workflow id of an entry", squatWorkflow},
	{"conditions cost a minute of CPU", burnCPU},
	{"calls over Temporal are larger than over HTTP", overTemporal},
	{"six requests write a million outbox entries", amplify}, // last: its entries are delivered afterwards
}

// attackTime bounds one attack.
const attackTime = 60 * time.Second

func main() {
	only := flag.String("only", "", "play the attacks whose name has this text")
	keep := flag.Bool("keep", false, "keep the folder with the logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	fell, err := run(ctx, *only, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "attacks:", err)
		os.Exit(2)
	}
	if fell > 0 {
		fmt.Printf("%d attacks fell\n", fell)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, keep bool) (fell int, err error) {
	began := clock.Wall()
	t, err := build(ctx)
	if err != nil {
		return 0, err
	}
	defer t.stop(keep)
	played := 0
	for i, a := range attacks {
		if !strings.Contains(a.name, only) {
			continue
		}
		played++
		playing, cancel := context.WithTimeout(ctx, attackTime)
		evidence, err := a.play(playing, t.from(fmt.Sprintf("203.0.113.%d", i+1)))
		cancel()
		if err == nil {
			err = t.alive()
		}
		if err != nil {
			fell++
			fmt.Printf("FELL  %s: %v\n", a.name, err)
			continue
		}
		fmt.Printf("held  %s: %s\n", a.name, evidence)
	}
	fmt.Printf("%d attacks in %s on %s; the gateway's largest memory was %d MiB\n", played,
		clock.Wall().Sub(began).Round(time.Second), t.databaseName, t.memory())
	return fell, nil
}
