package rejection

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tolerant"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Doors, by which calls come in.
const (
	HTTP   = "http"   // the tracking API, and so tabi import
	Mail   = "mail"   // reports of mail providers
	Track  = "track"  // the workflow type Track
	Signal = "signal" // signals and updates to a run
	// Entry is for entries into journeys that are decided where no caller waits: deferred, scheduled, and those that follow from a step.
	Entry = "entry"
)

// Forgotten is the kind of change of a call that was dropped, because it names a customer who was forgotten.
const Forgotten = "forgotten"

// Keeper keeps refused calls: a Room.
type Keeper interface {
	Keep(ctx context.Context, now time.Time, calls []Call) (left int, err error)
}

// A Refused is one refused call, for a Recorder.
type Refused struct {
	tolerant.Problem
	Value any // the call, as it was decoded
	Bytes int // 0: those of Value
}

// A Recorder says of refused and changed calls what there is to say: it counts them by reason, logs a line without customer data,
// and keeps the refused ones.
type Recorder struct {
	keeper   Keeper // may be nil
	log      *zap.Logger
	rejected *prometheus.CounterVec
	adjusted *prometheus.CounterVec

	mu     sync.Mutex
	logged map[string]time.Time // wall, by door and reason
	silent map[string]int       // refusals without a line since
}

// NewRecorder returns a Recorder whose counters are registered with metrics. keeper may be nil: nothing is kept.
func NewRecorder(keeper Keeper, log *zap.Logger, metrics prometheus.Registerer) *Recorder {
	d := &Recorder{
		keeper: keeper, log: log, logged: map[string]time.Time{}, silent: map[string]int{},
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tabi_rejected_calls_total", Help: "Calls and reports that were refused: see tabi rejected.",
		}, []string{"door", "reason"}),
		adjusted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tabi_adjusted_calls_total", Help: "Changes to calls that were accepted; forgotten: dropped.",
		}, []string{"door", "change"}),
	}
	metrics.MustRegister(d.rejected, d.adjusted)
	return d
}

// keepTimeout bounds storing refused calls (wall time): the answer waits for it.
const keepTimeout = 2 * time.Second

// Rejected records refused calls of one request. A nil Recorder records nothing.
func (d *Recorder) Rejected(ctx context.Context, now time.Time, door string, list []Refused) {
	if len(list) == 0 || d == nil {
		return
	}
	calls := make([]Call, 0, min(len(list), perRequest))
	for _, one := range list {
		d.rejected.WithLabelValues(door, one.Code).Inc()
		d.line(door, one)
		if one.Value == nil || len(calls) == perRequest {
			continue
		}
		raw, err := json.Marshal(one.Value)
		if err != nil {
			continue
		}
		size := one.Bytes
		if size == 0 {
			size = len(raw)
		}
		calls = append(calls, Call{Door: door, Code: one.Code, Field: one.Field, Message: one.Message, Payload: string(raw), Bytes: size})
	}
	if len(calls) == 0 || d.keeper == nil {
		return
	}
	ctx, cancel := context.WithTimeout(sqldb.WithoutLast(context.WithoutCancel(ctx)), keepTimeout)
	defer cancel()
	if _, err := d.keeper.Keep(ctx, now, calls); err != nil {
		d.log.Warn("refused calls could not be kept", zap.String("door", door), zap.Int("calls", len(calls)), zap.Error(err))
	}
}

// Entries records entries that were refused where no caller waits for them. It serves unit.Units.OnRefused.
func (d *Recorder) Entries(ctx context.Context, now time.Time, list []unit.RefusedEntry) {
	refused := make([]Refused, len(list))
	for i, one := range list {
		refused[i] = Refused{Problem: one.Problem, Value: one}
	}
	d.Rejected(ctx, now, Entry, refused)
}

// line logs a refusal, at most once a second for each door and reason.
func (d *Recorder) line(door string, one Refused) {
	key := door + "/" + one.Code
	d.mu.Lock()
	wall := clock.Wall()
	if wall.Sub(d.logged[key]) < time.Second {
		d.silent[key]++
		d.mu.Unlock()
		return
	}
	others := d.silent[key]
	d.logged[key], d.silent[key] = wall, 0
	d.mu.Unlock()
	d.log.Warn("a call was refused; tabi rejected shows it",
		zap.String("door", door), zap.String("reason", one.Code), zap.String("field", place(one.Field)),
		zap.Int("others_since_last_line", others))
}

// place cuts the names of properties and traits off a field: they may be a customer's words.
func place(field string) string {
	for _, within := range []string{"properties", "traits"} {
		if i := strings.Index(field, within); i >= 0 {
			return field[:i+len(within)]
		}
	}
	return field
}

// Adjusted counts changes to calls that were accepted.
func (d *Recorder) Adjusted(door string, changes []tolerant.Change) {
	if d == nil {
		return
	}
	for _, c := range changes {
		d.adjusted.WithLabelValues(door, c.Kind).Inc()
	}
}
