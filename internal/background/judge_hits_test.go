package background

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tracking"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// reactions is a customer with a mail, or a push message, that went out.
type reactions struct {
	*enginetest.Suite
	key  string
	jobs *Jobs
}

func reacts(s *enginetest.Suite, traits enginetest.Props) *reactions {
	s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
	e := s.Enter("ana", nil)
	key := e.ID + "/nudge/1"
	r := s.Reserve(e, key, enginetest.Noon, traits)
	s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: contract.StatusSent}))
	return &reactions{s, key, New(Config{
		Hits: s.Messages, Intake: s.Intake, Profiles: s.Customers, Clock: from(enginetest.Noon.Add(time.Hour), 1),
	})}
}

// hit stores a request so long after the mail.
func (r *reactions) hit(after time.Duration, kind tracking.Kind, link, of int, machine string) {
	r.T.Helper()
	at := enginetest.Noon.Add(after)
	h := message.Hit{
		Hit:  tracking.Hit{Kind: kind, Link: link, At: at, Machine: machine},
		Send: r.key, Of: of, Due: at.Add(tracking.Wait(kind, of)),
	}
	if kind == tracking.Click {
		h.URL = fmt.Sprintf("https://shop.example.com/%d?q=あ&x=%%20", link)
	}
	r.Must(r.Messages.StoreHit(r.Ctx, h))
}

// judge runs the job until nothing is due.
func (r *reactions) judge() {
	r.T.Helper()
	for more := true; more; {
		var err error
		if more, err = r.jobs.judgeHits(r.Ctx); err != nil {
			r.T.Fatal(err)
		}
	}
}

// events returns the customer's reactions, oldest first: name, url.
func (r *reactions) events() (out []string) {
	r.T.Helper()
	names := []string{event.EmailOpened, event.EmailLinkClicked, event.PushClicked}
	all, err := customer.EventsNamed(r.Ctx, r.Database.Reader, "ana", names)
	r.Must(err)
	for _, e := range all {
		for name, want := range map[string]any{"key": r.key, "journey": "cart", "step": "nudge", "message": "reminder"} {
			if e.Properties[name] != want {
				r.T.Errorf("%s of %s is %v, want %v", name, e.Name, e.Properties[name], want)
			}
		}
		url, _ := e.Properties["url"].(string)
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %v %s", e.Name, e.Properties["channel"], url)))
	}
	return out
}

// counted returns a value of the metric.
func (r *reactions) counted(kind, result string) float64 {
	r.T.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.jobs.reactions)
	families, err := registry.Gather()
	r.Must(err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == kind && m.GetLabel()[1].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// learned returns what is learned of the customer's mails.
func (r *reactions) learned() (answers float64) {
	r.T.Helper()
	r.Must(r.Database.Read(r.Ctx, func(tx sqldb.Conn) error {
		return tx.QueryRowContext(r.Ctx, `select coalesce(max(best_response), 0) from sends where key = $1`, r.key).Scan(&answers)
	}))
	return answers
}

func TestPersonsReactionsAreEvents(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		r := reacts(s, enginetest.ByEmail)
		r.hit(10*time.Second, tracking.Open, 0, 0, "")
		r.hit(12800*time.Millisecond, tracking.Click, 0, 3, "")
		r.hit(13100*time.Millisecond, tracking.Click, 0, 3, "") // the browser asks again
		r.hit(60*time.Second, tracking.Click, 2, 3, "")
		for range 2 {
			r.judge()
		}
		r.Equal(r.events(), []string{
			"Email Opened email", "Email Link Clicked email https://shop.example.com/0?q=あ&x=%20",
			"Email Link Clicked email https://shop.example.com/2?q=あ&x=%20",
		})
		r.Equal(r.learned(), float64(decisioning.AnswerClick))
		for result, n := range map[string]float64{"counted": 2, "repeat": 1, "machine": 0} {
			r.Equal(r.counted("click", result), n)
		}
	})
}

// What machines do is no event, and nothing is learned from it.
func TestMachinesReactionsAreNone(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		r := reacts(s, enginetest.ByEmail)
		r.hit(time.Second, tracking.Open, 0, 0, "apple_privacy_proxy")
		r.hit(2*time.Second, tracking.Click, 0, 4, "mail_scanner")
		for i := range 4 {
			r.hit(10*time.Second+time.Duration(i)*200*time.Millisecond, tracking.Click, i, 4, "")
		}
		r.hit(10500*time.Millisecond, tracking.Open, 0, 0, "")
		r.judge()
		r.Equal(len(r.events()), 0)
		r.Equal(r.learned(), 0.0)
		r.hit(20*time.Minute, tracking.Click, 1, 4, "") // the person
		r.judge()
		r.Equal(r.events(), []string{"Email Link Clicked email https://shop.example.com/1?q=あ&x=%20"})
		r.Equal(r.learned(), float64(decisioning.AnswerClick))
		// They stay with their reasons, and the others go.
		reasons := func() map[string]int {
			out := map[string]int{}
			hits, _, err := r.Messages.HitsOf(r.Ctx, []string{r.key}, enginetest.Noon, enginetest.Noon.Add(time.Hour))
			r.Must(err)
			for _, h := range hits[r.key] {
				out[h.Machine]++
			}
			return out
		}
		r.Equal(reasons(), map[string]int{"": 1, "apple_privacy_proxy": 1, "mail_scanner": 1, tracking.Burst: 5})
		_, err := r.Messages.PruneHits(r.Ctx, enginetest.Noon.Add(time.Hour), 10)
		r.Must(err)
		r.Equal(reasons(), map[string]int{"apple_privacy_proxy": 1, "mail_scanner": 1, tracking.Burst: 5})
	})
}

// Two processes, or one that ends before it has noted what it did, store each event once.
func TestReactionsCountOnce(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		r := reacts(s, enginetest.ByPush)
		r.hit(time.Second, tracking.Click, 0, 1, "")
		lost := New(Config{Hits: lostHits{s.Messages}, Intake: s.Intake, Profiles: s.Customers, Clock: r.jobs.cfg.Clock})
		if _, err := lost.judgeHits(s.Ctx); err == nil {
			t.Fatal("nothing was lost")
		}
		r.judge()
		r.Equal(r.events(), []string{"Push Clicked push https://shop.example.com/0?q=あ&x=%20"})
	})
}

// lostHits forgets what was found.
type lostHits struct{ *message.Room }

func (lostHits) SettleHits(context.Context, message.JudgedHits) error {
	return fmt.Errorf("the process has ended")
}

// What a customer has refused since, or what is about nobody, is no event.
func TestReactionsThatAreDropped(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		r := reacts(s, enginetest.ByEmail)
		r.hit(time.Second, tracking.Click, 0, 1, "")
		s.SetTraits("ana", enginetest.Props{"consent": enginetest.Props{"tracking": "perhaps", "marketing": true}})
		stranger := &reactions{s, "01X/nudge/1", r.jobs}
		stranger.hit(time.Second, tracking.Open, 0, 0, "")
		r.judge()
		r.Equal(len(r.events()), 0)
		for kind, result := range map[string]string{"click": "no_consent", "open": "unknown_send"} {
			r.Equal(r.counted(kind, result), 1.0)
		}
		n := 0
		r.Must(s.Database.Reader.QueryRowContext(s.Ctx, `select count(*) from tracking_hits`).Scan(&n))
		r.Equal(n, 0)
	})
}

// A refused event waits for its customer's backlog.
func TestReactionsWaitForTheBacklog(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		r := reacts(s, enginetest.ByEmail)
		r.hit(time.Second, tracking.Click, 0, 1, "")
		backlog := s.Units.Limits.Backlog
		s.Units.Limits.Backlog = 0
		r.judge()
		r.Equal(len(r.events()), 0)
		s.Units.Limits.Backlog = backlog
		r.jobs.cfg.Clock = from(enginetest.Noon.Add(time.Hour+2*judgeAgain), 1)
		r.judge()
		r.Equal(len(r.events()), 1)
	})
}
