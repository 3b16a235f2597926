package background

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tracking"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// The gateway stores a request for a tracked link or a pixel (a hit) before it answers. Whether a person made it can only be said
// a little later, when the hits of a burst have come; so this job says it, and makes events of those of persons. An event's id is
// made of its hit's, so that a repeat after a crash stores nothing twice. See docs/decisions/0042.

// Hits has the requests for tracked links and pixels.
type Hits interface {
	DueHits(ctx context.Context, now time.Time, limit int) ([]message.Hit, error)
	HitsOf(ctx context.Context, keys []string, from, to time.Time) (map[string][]message.Hit, map[string]message.Send, error)
	SettleHits(ctx context.Context, j message.JudgedHits) error
	PruneHits(ctx context.Context, before time.Time, limit int) (int64, error)
}

// Intake stores the events of customers.
type Intake interface {
	IngestEach(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, map[int]error, error)
}

// Profiles has the customers.
type Profiles interface {
	Get(ctx context.Context, id string) (customer.Customer, error)
}

const (
	// judgePage is how many hits are judged at once.
	judgePage = 256
	// judgeBatch is how many events are stored in one transaction: few, since on SQLite whoever clicks waits for its end.
	judgeBatch = 4
	// judgeAgain is when a hit is judged again whose event was refused because too much waits for its customer.
	judgeAgain = time.Minute
	// hitsKept is how long hits are kept that are events by now: those that come soon after are compared with them.
	hitsKept = 2 * tracking.Looks
	// sweepEvery is how often old hits are deleted, in wall time.
	sweepEvery = 10 * time.Second
	// leastPause bounds how often a scaled clock lets the job look.
	leastPause = 20 * time.Millisecond
)

func newReactions() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tabi_reactions_total",
		Help: "Requests for tracked links and pixels by result: counted, repeat, machine, no_consent, unknown_send, forgotten, refused.",
	}, []string{"kind", "result"})
}

// untilNextJudgment returns how long the job rests: JudgeEvery in virtual time.
func (j *Jobs) untilNextJudgment(context.Context) (time.Duration, error) {
	return min(max(j.cfg.Clock.Real(j.cfg.JudgeEvery), leastPause), time.Second), nil
}

// judgeHits judges a page of hits.
func (j *Jobs) judgeHits(ctx context.Context) (more bool, err error) {
	now := j.now()
	due, err := j.cfg.Hits.DueHits(ctx, now, judgePage)
	if err != nil {
		return false, err
	}
	if len(due) == 0 {
		return false, j.sweepHits(ctx, now)
	}
	p, err := j.lookAtHits(ctx, due)
	if err != nil {
		return false, err
	}
	var calls []customer.SegmentCall
	var hits []message.Hit
	for _, h := range due {
		call, err := j.reaction(ctx, p, h)
		if err != nil {
			return false, err
		}
		if call != nil {
			calls, hits = append(calls, *call), append(hits, h)
		}
	}
	for from := 0; from < len(calls); from += judgeBatch {
		to := min(from+judgeBatch, len(calls))
		if err := j.storeReactions(ctx, now, p, calls[from:to], hits[from:to]); err != nil {
			return false, err
		}
	}
	if err := j.cfg.Hits.SettleHits(ctx, p.found); err != nil {
		return false, err
	}
	for _, c := range p.counts {
		j.reactions.WithLabelValues(string(c.kind), c.result).Inc()
	}
	return len(due) == judgePage, nil
}

// judged is a page of hits, with what is known of them and what was found.
type judged struct {
	sends   map[string]message.Send
	bursts  map[string]bool // by id
	repeats map[string]bool // by id
	refuses map[string]bool // customer → whether they refuse to be tracked
	found   message.JudgedHits
	counts  []reactionCount
}

type reactionCount struct {
	kind   tracking.Kind
	result string
}

func (p *judged) count(h message.Hit, result string) {
	p.counts = append(p.counts, reactionCount{h.Kind, result})
}

// lookAtHits reads the sends of hits and the other hits of these sends, and compares them.
func (j *Jobs) lookAtHits(ctx context.Context, due []message.Hit) (*judged, error) {
	var keys []string
	from, to := due[0].At, due[0].At
	for _, h := range due {
		keys = append(keys, h.Send)
		if h.At.Before(from) {
			from = h.At
		}
		if h.At.After(to) {
			to = h.At
		}
	}
	all, sends, err := j.cfg.Hits.HitsOf(ctx, sqldb.Sorted(keys), from.Add(-tracking.Looks), to.Add(tracking.Looks))
	if err != nil {
		return nil, err
	}
	p := &judged{sends: sends, bursts: map[string]bool{}, repeats: map[string]bool{}, refuses: map[string]bool{},
		found: message.JudgedHits{Machines: map[string][]string{}, Again: j.now().Add(judgeAgain)}}
	for _, hits := range all {
		of := 0
		plain := make([]tracking.Hit, len(hits))
		for i, h := range hits {
			plain[i], of = h.Hit, max(of, h.Of)
		}
		bursts := map[string]bool{}
		if sends[hits[0].Send].Channel == "email" {
			bursts = tracking.Bursts(plain, of)
		}
		for id := range bursts {
			p.bursts[id] = true
		}
		for id := range tracking.Repeats(plain, bursts) {
			p.repeats[id] = true
		}
	}
	return p, nil
}

// reaction returns the event that a hit becomes; nil: none, and p has the reason.
func (j *Jobs) reaction(ctx context.Context, p *judged, h message.Hit) (*customer.SegmentCall, error) {
	send, known := p.sends[h.Send]
	switch {
	case !known:
		p.found.Dropped = append(p.found.Dropped, h.ID)
		p.count(h, "unknown_send")
		return nil, nil
	case unit.IsPseudonym(send.Customer):
		p.found.Dropped = append(p.found.Dropped, h.ID)
		p.count(h, "forgotten")
		return nil, nil
	case p.bursts[h.ID]:
		p.found.Machines[tracking.Burst] = append(p.found.Machines[tracking.Burst], h.ID)
		p.count(h, "machine")
		return nil, nil
	case p.repeats[h.ID]:
		p.found.Done = append(p.found.Done, h.ID)
		p.count(h, "repeat")
		return nil, nil
	}
	refuses, asked := p.refuses[send.Customer]
	if !asked {
		who, err := j.cfg.Profiles.Get(ctx, send.Customer)
		if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
			return nil, err
		}
		refuses = !consent.Tracking(who.Traits)
		p.refuses[send.Customer] = refuses
	}
	if refuses { // since the message went out
		p.found.Dropped = append(p.found.Dropped, h.ID)
		p.count(h, "no_consent")
		return nil, nil
	}
	call := send.Call(event.EmailOpened)
	call.Timestamp, call.MessageID = h.At, event.ReactionPrefix+h.ID
	if h.Kind == tracking.Click {
		call.Event, call.Properties["url"] = event.Clicked(send.Channel), h.URL
	}
	return &call, nil
}

// storeReactions stores the events of hits.
func (j *Jobs) storeReactions(ctx context.Context, now time.Time, p *judged, calls []customer.SegmentCall, hits []message.Hit) error {
	_, refused, err := j.cfg.Intake.IngestEach(ctx, now, calls)
	if err != nil {
		return err
	}
	for i, h := range hits {
		why := refused[i]
		var over *limits.Error
		switch {
		case why == nil:
			p.found.Done = append(p.found.Done, h.ID)
			p.count(h, "counted")
		case errors.As(why, &over) && limits.Status(over.Code) == http.StatusTooManyRequests:
			p.found.Later = append(p.found.Later, h.ID)
		default:
			p.found.Done = append(p.found.Done, h.ID)
			p.count(h, "refused")
			j.cfg.Logger.Warn("an open or a click is not stored: its event was refused", zap.String("event", calls[i].Event),
				zap.String("send", h.Send), zap.Error(why))
		}
	}
	return nil
}

// sweepHits deletes the hits that are events by now.
func (j *Jobs) sweepHits(ctx context.Context, now time.Time) error {
	wall := clock.Wall()
	if wall.Sub(j.swept) < sweepEvery {
		return nil
	}
	n, err := j.cfg.Hits.PruneHits(ctx, now.Add(-hitsKept), prunePage)
	if err == nil && n < prunePage {
		j.swept = wall
	}
	return err
}
