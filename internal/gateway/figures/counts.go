// Package figures caches the store's counts for pages, the admin API and metrics, and builds reports.
package figures

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/retention"
)

const (
	// countsAge is the largest age of the counts when they are scraped (wall time).
	countsAge = 5 * time.Second
	// totalsShare is the largest share of time spent on counting the totals: they grow with the years, and the longer a count
	// took, the later the next one starts.
	totalsShare = 0.01
	// totalsTimeout bounds one count of the totals.
	totalsTimeout = 5 * time.Minute
)

// Rooms are the rooms whose figures are cached.
type Rooms struct {
	Analytics Analytics
	Catalog   Catalog
}

// Analytics has the cached queries.
type Analytics interface {
	Live(ctx context.Context) (analytics.Live, error)
	Totals(ctx context.Context) (analytics.Totals, error)
	Numbers(ctx context.Context, now time.Time, journey string) (analytics.Numbers, error)
	Acceptance(ctx context.Context, now, since time.Time) (analytics.Acceptance, error)
	Results(ctx context.Context, now time.Time, f analytics.ResultsFilter) (analytics.Results, error)
	Begins(ctx context.Context) (retention.Begins, error)
}

// Catalog has the current release.
type Catalog interface {
	Content(ctx context.Context) (release int, c *journey.Content, err error)
}

// Figures caches expensive counts: the current ones for countsAge, a journey's numbers for numbersAge, and the totals for a
// multiple of the time that counting them took.
type Figures struct {
	*web.Env
	rooms Rooms

	mu   sync.Mutex
	at   time.Time // wall
	last analytics.Live
	ok   bool

	totalsMu sync.Mutex
	totals   analytics.Totals
	counted  bool      // totals were read once
	counting bool      // they are being read
	next     time.Time // wall: when they are to be read again

	journeysMu sync.Mutex
	journeys   map[string]*journeyNumbers

	resultsMu sync.Mutex
	kept      map[resultsKey]*results
}

// New returns empty caches.
func New(env *web.Env, rooms Rooms) *Figures {
	return &Figures{Env: env, rooms: rooms, journeys: map[string]*journeyNumbers{}, kept: map[resultsKey]*results{}}
}

// CompleteSince returns from when on there are all rows of some kinds of data, of which older ones were deleted.
func (s *Figures) CompleteSince(ctx context.Context, kinds ...string) (api.CompleteSince, error) {
	begins, err := s.rooms.Analytics.Begins(ctx)
	return api.CompleteSince(begins.Of(kinds...)), err
}

// Live returns the current counts, fresh or cached; false: they could not be read. Failures are cached too, to spare a database in
// trouble.
func (s *Figures) Live() (analytics.Live, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wall := s.Env.Wall(); s.at.IsZero() || wall.Sub(s.at) >= countsAge {
		ctx, cancel := context.WithTimeout(context.Background(), countsAge)
		defer cancel()
		live, err := s.rooms.Analytics.Live(ctx)
		if err != nil {
			s.Env.Log.Warn("could not read the counts", zap.Error(err))
		}
		s.at, s.last, s.ok = wall, live, err == nil
	}
	return s.last, s.ok
}

// Totals returns the latest totals, and starts a new count in the background if they are too old; false: never counted yet.
func (s *Figures) Totals() (analytics.Totals, bool) {
	s.totalsMu.Lock()
	due := !s.counting && !s.Env.Wall().Before(s.next)
	s.counting = s.counting || due
	s.totalsMu.Unlock()
	if due {
		done := make(chan struct{})
		go s.count(done)
		patience := time.NewTimer(countsAge / 10) // in a small store the count ends within this time
		defer patience.Stop()
		select {
		case <-done:
		case <-patience.C:
		}
	}
	s.totalsMu.Lock()
	defer s.totalsMu.Unlock()
	return s.totals, s.counted
}

// count reads the totals.
func (s *Figures) count(done chan<- struct{}) {
	defer close(done)
	ctx, cancel := context.WithTimeout(context.Background(), totalsTimeout)
	defer cancel()
	began := s.Env.Wall()
	totals, err := s.rooms.Analytics.Totals(ctx)
	took := s.Env.Wall().Sub(began)
	if err != nil {
		s.Env.Log.Warn("could not count the totals", zap.Error(err))
	}
	s.totalsMu.Lock()
	defer s.totalsMu.Unlock()
	if err == nil {
		s.totals, s.counted = totals, true
	}
	s.counting, s.next = false, began.Add(max(countsAge, time.Duration(float64(took)/totalsShare)))
}
