package engine

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// best sends by the best channel and says which it was.
func (s *suite) best(e unit.Enrollment, key string, at time.Time) string {
	s.T.Helper()
	r, got := s.decides(e, key, at, func(m *journey.Send) { m.Via = nil })
	if got != permitted {
		return got
	}
	s.settles(r, at, contract.StatusSent)
	return r.Verdict.Channel
}

// reachOf is what is known of a channel, in sends and answers of noon.
func (s *suite) reachOf(customerID, channel string) [2]float64 {
	s.T.Helper()
	var sends, answers float64
	s.must(
		s.Database.Reader.QueryRowContext(s.ctx, `select coalesce(sum(sends), 0), coalesce(sum(answers), 0) from channel_engagement where customer
		= $1 and channel = $2`, customerID, channel).
			Scan(&sends, &answers),
	)
	w := decisioning.EngagementWeight(noon)
	return [2]float64{math.Round(sends/w*100) / 100, math.Round(answers/w*100) / 100}
}

func TestBestIsTheChannelThatIsAnsweredMost(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{})
		a, _ := s.both("ana")
		s.same(s.best(a, "k1", noon), "email") // nothing is known: the registry's order
		s.same(s.best(a, "k2", noon), "email") // nor does silence alone speak for another
		r, _ := s.decides(a, "k3", noon, by("push"))
		s.settles(r, noon, contract.StatusSent)
		click := s.track("ana", "Push Clicked", props{"message": "reminder", "step": "nudge", "journey": "cart", "channel": "push"})
		s.ingest(noon, click, click) // an event counts once
		s.same(s.reachOf("ana", "push"), [2]float64{1, 1})
		s.same(s.best(a, "k4", noon), "push")
		s.has("ana", props{"push_token": nil})
		s.same(s.best(a, "k5", noon), "email") // of those that are permitted
		s.same(s.reachOf("ana", "email"), [2]float64{3, 0})
	})
}

func TestAnAnswerCountsOncePerSend(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{})
		a, _ := s.both("ana")
		s.best(a, "k1", noon)
		of := props{"message": "reminder", "step": "nudge", "journey": "cart"}
		s.ingest(noon, s.track("ana", "Email Opened", of), s.track("ana", "Email Opened", of))
		s.same(s.reachOf("ana", "email"), [2]float64{1, decisioning.AnswerOpen})
		s.ingest(noon, s.track("ana", "Email Link Clicked", of), s.track("ana", "Email Opened", of))
		s.same(s.reachOf("ana", "email"), [2]float64{1, 1}) // the best answer
		s.ingest(noon, s.track("ana", "Email Bounced", props{"type": "soft"}))
		s.same(s.reachOf("ana", "email"), [2]float64{2, 1})
		s.ingest(
			noon,
			s.track("ana", journey.MessageReceived, props{"text": "hi", "channel": "sms"}),
			s.track("ana", journey.MessageReceived, props{"text": "hi"}),
			s.track("ana", journey.MessageReceived, props{"text": "hi", "channel": "pigeon"}),
		)
		s.same(s.reachOf("ana", "sms"), [2]float64{1, 1}) // a message that answers nothing: they are reached there
		s.same(s.reachOf("ana", "pigeon"), [2]float64{})
	})
}

// What a page shows a customer who is there says nothing of how they are reached.
func TestWhatIsShownIsNoReach(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		s.Units.Channels = append(s.Units.Channels, channel.Spec{Name: "push", Address: "push_token"})
		show := func(channel, id string) {
			_, err := s.Database.Writer.ExecContext(
				s.ctx,
				`insert into sends (key, enrollment, journey, step, message, customer, channel, category, topic, status, reason, release,
				at, token, lease_until)
				values ($1, '', '', '', 'offer', 'ana', $2, 'marketing', '', 'sent', '', 1, $3, 1, 0)`,
				id,
				channel,
				sqldb.Millis(noon.Add(time.Hour)),
			)
			s.must(err)
		}
		show("push", "s1")
		s.ingest(noon, s.track("ana", "Push Clicked", props{"message": "offer"}))
		s.same(s.reachOf("ana", "push"), [2]float64{0, 0})
		e := s.enters("ana", nil)
		s.offers(e, "k", noon)
		show("email", "s2")
		s.ingest(noon, s.track("ana", "Email Link Clicked", nil))
		s.same(s.reachOf("ana", "email"), [2]float64{1, 1})
	})
}

func TestReachIsMerged(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{})
		click := func(user, anonymous, event string) customer.SegmentCall {
			c := s.track(user, event, nil)
			c.AnonymousID = anonymous
			return c
		}
		s.ingest(noon, click("", "a1", "Push Clicked"), click("", "a1", "Email Opened"), click("ana", "", "Push Clicked"))
		s.ingest(noon, customer.SegmentCall{Type: "identify", MessageID: "merge", UserID: "ana", AnonymousID: "a1"})
		s.same([2][2]float64{s.reachOf("ana", "push"), s.reachOf("ana", "email")}, [2][2]float64{{2, 2}, {1, decisioning.AnswerOpen}})
		s.same(s.reachOf("anon:a1", "push"), [2]float64{})
	})
}

// A customer of whom nothing is known is reached as others are.
func TestBestLearnsFromOthers(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{})
		for i := range 60 {
			id := fmt.Sprintf("c%d", i)
			a, _ := s.both(id)
			for _, channel := range []string{"email", "push"} {
				r, _ := s.decides(a, id+channel, noon, by(channel))
				s.settles(r, noon, contract.StatusSent)
			}
			s.ingest(noon, s.track(id, "Push Clicked", nil))
		}
		a, _ := s.both("ana")
		s.same(s.best(a, "early", noon), "email") // they may still be answered
		later := noon.Add(2 * day)
		in := s.send(a, "late")
		in.Spec.Via = nil
		r, err := s.Messages.Reserve(s.ctx, later, wall.Add(message.PopulationEvery), in, time.Minute)
		s.must(err)
		s.same(r.Verdict.Channel, "push")
	})
}
