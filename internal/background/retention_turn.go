package background

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/retention"
)

// turn is this process's part in whose turn it is to delete: see retention.Turn.
type turn struct {
	mu     sync.Mutex
	holder string
	asked  time.Time // wall: when the store was asked last
	mine   bool
	warned string // the other policy that the log has named
	done   map[string]int64
	seen   int64     // customers that were looked through since the last renewal
	began  time.Time // wall: when the pass did that this process has begun
	passed prometheus.Gauge
}

// askEvery is how often a process renews its turn, or looks whether it is its turn (wall time).
const askEvery = retention.TurnFor / 3

func newTurn() turn {
	return turn{holder: rand.Text(), done: map[string]int64{}, passed: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tabi_retention_last_pass_timestamp_seconds",
		Help: "When the last pass through all customers that deletes old data ended, by any process; 0: none has.",
	})}
}

// looked counts customers that were looked through.
func (t *turn) looked(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.began.IsZero() {
		t.began = clock.Wall().UTC()
	}
	t.seen += int64(n)
}

// count counts deleted rows.
func (j *Jobs) count(kind string, n int64) {
	j.deleted.WithLabelValues(kind).Add(float64(n))
	j.turn.mu.Lock()
	defer j.turn.mu.Unlock()
	if n > 0 {
		j.turn.done[kind] += n
	}
}

// myTurn reports whether this process may delete now. It renews the turn once in a while, and stores how far w has come; a process that
// gets the turn continues where the one before was. w is nil for jobs that have no position.
func (j *Jobs) myTurn(ctx context.Context, w *walk) (bool, error) {
	t := &j.turn
	t.mu.Lock()
	defer t.mu.Unlock()
	if wall := clock.Wall(); j.cfg.Retention.TakeTurn == nil || wall.Sub(t.asked) < askEvery {
		return j.cfg.Retention.TakeTurn == nil || t.mine, nil
	}
	return j.take(ctx, w, nil)
}

// passed stores that a pass has ended.
func (j *Jobs) passed(ctx context.Context) error {
	j.turn.mu.Lock()
	defer j.turn.mu.Unlock()
	if j.cfg.Retention.TakeTurn == nil {
		return nil
	}
	_, err := j.take(ctx, nil, func(t *retention.Turn) {
		t.Passed, t.After, t.Began, t.Customers = clock.Wall().UTC(), "", time.Time{}, 0
	})
	j.turn.began = time.Time{}
	return err
}

// take takes or renews the turn; t.mu is held.
func (j *Jobs) take(ctx context.Context, w *walk, also func(*retention.Turn)) (bool, error) {
	t, wall, policy := &j.turn, clock.Wall(), j.cfg.Keep.String()
	now, mine, err := j.cfg.Retention.TakeTurn(ctx, t.holder, wall, func(now *retention.Turn) {
		now.Policy = policy
		if w != nil && w.after != "" {
			now.After = w.after
			if now.Began.IsZero() {
				now.Began = t.began
			}
		}
		now.Customers += t.seen
		if now.Rows == nil {
			now.Rows = map[string]int64{}
		}
		for kind, n := range t.done {
			now.Rows[kind] += n
		}
		if also != nil {
			also(now)
		}
	})
	if err != nil {
		return false, err
	}
	if t.asked, t.mine = wall, mine; mine {
		t.seen = 0
		clear(t.done)
		if w != nil && w.after == "" {
			w.after = now.After
			if now.After == "" && !now.Passed.IsZero() { // another process may have ended the pass
				w.rest = now.Passed.Add(j.rest())
			}
		}
	} else if now.Policy != policy && now.Policy != t.warned {
		t.warned = now.Policy
		j.cfg.Logger.Warn("another process deletes by another TABI_RETENTION: set the same in every gateway and worker",
			zap.String("its", now.Policy), zap.String("own", policy))
	}
	if !now.Passed.IsZero() {
		t.passed.Set(float64(now.Passed.Unix()))
	}
	return mine, nil
}
