package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// readers follow the tracked link of each mail that has one, and try again until they are redirected: that is what tabi
// acknowledges. A 503 has led them to the page, and acknowledges nothing.
type readers struct {
	gateway string
	client  *http.Client
	mails   chan string // paths of tracked links, each once
	going   sync.WaitGroup

	mu     sync.Mutex
	closed bool               // no more mails are read
	seen   map[string]bool    // by path
	clicks map[string]*clicks // by ledger key
}

// clicks are those on the link of one mail.
type clicks struct {
	path          string
	attempts, oks int
}

const (
	readerCount = 4
	// readerAgent is the browser of a reader.
	readerAgent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
	// readerRest is how long a reader waits before they click again.
	readerRest = 250 * time.Millisecond
)

var trackedPath = regexp.MustCompile(`/t/[-\w]{40,}`)

func startReaders(ctx context.Context, gateway string) *readers {
	r := &readers{
		gateway: gateway, mails: make(chan string, 1<<17), seen: map[string]bool{}, clicks: map[string]*clicks{},
		client: &http.Client{Timeout: patience},
	}
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for range readerCount {
		r.going.Go(func() {
			for key := range r.mails {
				r.follow(ctx, key)
			}
		})
	}
	return r
}

// got takes a mail that the provider has accepted.
func (r *readers) got(key string, raw []byte) {
	path := trackedPath.Find(bytes.ReplaceAll(raw, []byte("=\r\n"), nil)) // a token has no = of its own
	if path == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.seen[string(path)] {
		return
	}
	r.seen[string(path)] = true
	r.clicks[key] = &clicks{path: string(path)}
	r.mails <- key
}

// follow clicks until the redirect.
func (r *readers) follow(ctx context.Context, key string) {
	r.mu.Lock()
	c := r.clicks[key]
	r.mu.Unlock()
	for ctx.Err() == nil {
		r.mu.Lock()
		c.attempts++
		r.mu.Unlock()
		if r.click(ctx, c.path) {
			r.mu.Lock()
			c.oks++
			r.mu.Unlock()
			return
		}
		_ = clock.Wait(ctx, clock.Wall().Add(readerRest))
	}
}

func (r *readers) click(ctx context.Context, path string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.gateway+path, nil)
	if err != nil {
		return false
	}
	req.Header.Set("User-Agent", readerAgent)
	answer, err := r.client.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusFound && strings.HasPrefix(answer.Header.Get("Location"), "https://shop.example.com/")
}

// finish returns when all mails are read, and their clicks are judged.
func (r *readers) finish(ctx context.Context, g *cluster) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	close(r.mails)
	r.going.Wait()
	db, err := g.database.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for deadline := clock.Wall().Add(time.Minute); ; {
		left := 0
		if err := db.QueryRowContext(ctx, `select count(*) from tracking_hits where due > 0`).Scan(&left); err != nil || left == 0 {
			return err
		}
		if clock.Wall().After(deadline) {
			return errors.New("clicks are not judged a minute after the last one")
		}
		if err := clock.Wait(ctx, clock.Wall().Add(time.Second)); err != nil {
			return err
		}
	}
}

// reactionsOf counts the events of clicks, by ledger key.
func reactionsOf(ctx context.Context, db *sql.DB) (map[string]int, error) {
	out := map[string]int{}
	err := each(ctx, db, `select properties from events where id like '`+event.ReactionPrefix+`%'`, func(r *sql.Rows) error {
		var properties string
		if err := r.Scan(&properties); err != nil {
			return err
		}
		var of struct{ Key string }
		err := json.Unmarshal([]byte(properties), &of)
		out[of.Key]++
		return err
	})
	return out, err
}

// reactions compares clicks with events: each that was acknowledged is one, and none is counted that nobody made. One that was not
// acknowledged may be one too.
func (r *result) reactions(read *readers) {
	read.mu.Lock()
	defer read.mu.Unlock()
	for key, n := range r.f.reactions {
		if read.clicks[key] == nil {
			r.unexplained("%d clicks on the send %s are stored, and nobody made them", n, key)
		}
	}
	for key, c := range read.clicks {
		row := r.f.rows[key]
		if row == nil || unit.IsPseudonym(row.customer) {
			continue
		}
		r.clicked++
		switch n := r.f.reactions[key]; {
		case n < c.oks:
			r.lose("the click on the mail %s was acknowledged, and is not counted", key)
		case n > c.attempts:
			r.duplicate("%d clicks on the mail %s are counted %d times", c.attempts, key, n)
		case c.oks == 0:
			r.unexplained("the click on the mail %s was never acknowledged (%d attempts)", key, c.attempts)
		}
	}
	if r.mails > 0 && len(read.clicks) == 0 {
		r.unexplained("no mail has a tracked link")
	}
}
