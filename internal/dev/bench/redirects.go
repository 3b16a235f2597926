package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/engine"
	ledger "github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

const (
	redirectRate  = 1000 // clicks a second
	redirectConns = 64
	linksOfAMail  = 3
	// clickAgent is the browser of everybody who clicks.
	clickAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 " +
		"Mobile/15E148 Safari/604.1"
)

// redirectsPart measures clicks on tracked links at a constant rate, while those of before become events, in turns with HEAD
// requests of the same links, which store nothing. The database is a SQLite file. Run it with one core by GOMAXPROCS=1 or
// taskset; those who click run in the same process.
func redirectsPart(ctx context.Context, b *bench, _ *server, out *section) error {
	store, err := engine.Open(ctx, engine.Options{URL: filepath.Join(b.dir, "redirects.db"), Channels: channels.Shipped().Specs()})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	c, err := content()
	if err != nil {
		return err
	}
	if _, err := app.Publish(ctx, store, c, catalog.Origin{}); err != nil {
		return err
	}
	turn := max(int(b.turnTime.Seconds()*redirectRate), 1)
	if err := mailEverybody(ctx, store, turn*(b.rounds+1)); err != nil {
		return err
	}
	g, err := (&environment{store: store}).gateway(redirectConns)
	if err != nil {
		return err
	}
	defer g.stop()
	jobs := background.New(background.Config{
		Hits: store.Messages, Intake: store.Intake, Profiles: store.Customers,
		ReconcileEvery: -1, ScheduleEvery: -1, IntentEvery: -1, LearnEvery: -1, ForgetEvery: -1,
	})
	running, stop := context.WithCancel(ctx)
	var judging sync.WaitGroup
	judging.Go(func() { _ = jobs.Run(running) })
	defer judging.Wait()
	defer stop()

	links := signedlink.Links{PublicURL: g.url, Secrets: benchSecrets}
	next := 0
	var p50, p99, used, head []float64
	for round := range b.rounds + 1 { // the first is warm-up
		cpu := ownCPUTime()
		took, err := g.clicks(ctx, links, http.MethodGet, next, turn)
		if err != nil {
			return err
		}
		cpu = ownCPUTime() - cpu
		without, err := g.clicks(ctx, links, http.MethodHead, next, turn)
		if err != nil {
			return err
		}
		next += turn
		if round > 0 {
			p50, p99 = append(p50, milliseconds(quantile(took, .5))), append(p99, milliseconds(quantile(took, .99)))
			used, head = append(used, milliseconds(cpu)/float64(turn)), append(head, milliseconds(quantile(without, .99)))
			b.logf("redirects, round %d: p50 %.2f ms, p99 %.2f ms, HEAD p99 %.2f ms", round, p50[round-1], p99[round-1], head[round-1])
		}
	}
	if err := everyClickIsAnEvent(ctx, store, next); err != nil {
		return err
	}
	name := fmt.Sprintf("redirect at %d/s", redirectRate)
	out.putRounds(name+", p50", p50, "ms")
	out.putComparison(name+", p99", p99, "ms", "HEAD, p99", head)
	out.putRounds("HEAD, p99", head, "ms")
	out.putRounds(name+", with its event and who clicks", used, "ms CPU/click")
	return nil
}

// mailEverybody writes mails as sent, one to each customer.
func mailEverybody(ctx context.Context, store *engine.Engine, n int) error {
	return store.Database.Write(ctx, func(tx sqldb.Conn) error {
		for i := range n {
			shown := []ledger.Shown{{Key: mailKey(i), Message: "bench", Channel: "email"}}
			if err := ledger.RecordShown(ctx, tx, fmt.Sprintf("reader-%d", i), 1, clock.Wall(), shown); err != nil {
				return err
			}
		}
		return nil
	})
}

func mailKey(i int) string { return fmt.Sprintf("bench-mail-%d", i) }

// clicks requests n links at redirectRate, one of each mail, and returns how long each took.
func (g *httpClient) clicks(ctx context.Context, links signedlink.Links, method string, from, n int) ([]time.Duration, error) {
	g.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	took, failed := make([]time.Duration, n), make([]error, n)
	var going sync.WaitGroup
	began := clock.Wall()
	for i := range n {
		link := links.Click(signedlink.Click{
			Key: mailKey(from + i), Link: i % linksOfAMail, Of: linksOfAMail,
			URL: fmt.Sprintf("https://shop.example.com/%d?utm_source=tabi&utm_medium=email", i),
		})
		if err := clock.Wait(ctx, began.Add(time.Duration(i)*time.Second/redirectRate)); err != nil {
			break
		}
		going.Go(func() {
			begin := clock.Wall()
			failed[i] = g.click(ctx, method, link)
			took[i] = clock.Wall().Sub(begin)
		})
	}
	going.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return took, ctx.Err()
}

func (g *httpClient) click(ctx context.Context, method, link string) error {
	r, err := http.NewRequestWithContext(ctx, method, link, nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", clickAgent)
	answer, err := g.client.Do(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusFound {
		return fmt.Errorf("a click was answered %d", answer.StatusCode)
	}
	return nil
}

// everyClickIsAnEvent waits until all clicks are judged, and counts the events: one for each.
func everyClickIsAnEvent(ctx context.Context, store *engine.Engine, clicks int) error {
	for deadline := clock.Wall().Add(time.Minute); ; {
		due, err := store.Messages.DueHits(ctx, clock.Wall().Add(time.Hour), 1)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			break
		}
		if clock.Wall().After(deadline) {
			return fmt.Errorf("clicks are not judged a minute after the last of %d", clicks)
		}
		if err := clock.Wait(ctx, clock.Wall().Add(100*time.Millisecond)); err != nil {
			return err
		}
	}
	n, err := store.Analytics.Counts(ctx)
	if err != nil {
		return err
	}
	if n.Events != int64(clicks) {
		return fmt.Errorf("%d clicks are %d events", clicks, n.Events)
	}
	return nil
}
