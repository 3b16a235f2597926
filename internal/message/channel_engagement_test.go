package message_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// sendByBestChannel sends by the best channel and returns it.
func (s *suite) sendByBestChannel(e unit.Enrollment, key string, at time.Time) string {
	s.T.Helper()
	r, got := s.reserveSend(e, key, at, func(m *journey.Send) { m.Via = nil })
	if got != permitted {
		return got
	}
	s.settle(r, at, contract.StatusSent)
	return r.Verdict.Channel
}

// engagementOf returns a customer's sends and responses on a channel, as of Noon.
func (s *suite) engagementOf(customerID, channel string) [2]float64 {
	s.T.Helper()
	var sends, answers float64
	s.Must(
		s.Database.Reader.QueryRowContext(s.Ctx, `select coalesce(sum(sends), 0), coalesce(sum(answers), 0) from channel_engagement where
		customer
		= $1 and channel = $2`, customerID, channel).
			Scan(&sends, &answers),
	)
	w := decisioning.EngagementWeight(enginetest.Noon)
	return [2]float64{math.Round(sends/w*100) / 100, math.Round(answers/w*100) / 100}
}

func TestBestChannelHasTheHighestResponseRate(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{})
		a, _ := s.enterBoth("ana")
		s.Equal(s.sendByBestChannel(a, "k1", enginetest.Noon), "email") // without engagement the registry's order decides
		s.Equal(s.sendByBestChannel(a, "k2", enginetest.Noon), "email") // silence alone does not favor another channel
		r, _ := s.reserveSend(a, "k3", enginetest.Noon, via("push"))
		s.settle(r, enginetest.Noon, contract.StatusSent)
		click := s.Track(
			"ana",
			"Push Clicked",
			enginetest.Props{"message": "reminder", "step": "nudge", "journey": "cart", "channel": "push"},
		)
		s.Ingest(enginetest.Noon, click, click) // an event counts once
		s.Equal(s.engagementOf("ana", "push"), [2]float64{1, 1})
		s.Equal(s.sendByBestChannel(a, "k4", enginetest.Noon), "push")
		s.SetTraits("ana", enginetest.Props{"push_token": nil})
		s.Equal(s.sendByBestChannel(a, "k5", enginetest.Noon), "email") // only permitted channels are compared
		s.Equal(s.engagementOf("ana", "email"), [2]float64{3, 0})
	})
}

func TestResponseCountsOncePerSend(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{})
		a, _ := s.enterBoth("ana")
		s.sendByBestChannel(a, "k1", enginetest.Noon)
		of := enginetest.Props{"message": "reminder", "step": "nudge", "journey": "cart"}
		s.Ingest(enginetest.Noon, s.Track("ana", "Email Opened", of), s.Track("ana", "Email Opened", of))
		s.Equal(s.engagementOf("ana", "email"), [2]float64{1, decisioning.AnswerOpen})
		s.Ingest(enginetest.Noon, s.Track("ana", "Email Link Clicked", of), s.Track("ana", "Email Opened", of))
		s.Equal(s.engagementOf("ana", "email"), [2]float64{1, 1}) // the best response
		s.Ingest(enginetest.Noon, s.Track("ana", "Email Bounced", enginetest.Props{"type": "soft"}))
		s.Equal(s.engagementOf("ana", "email"), [2]float64{2, 1})
		s.Ingest(
			enginetest.Noon,
			s.Track("ana", journey.MessageReceived, enginetest.Props{"text": "hi", "channel": "sms"}),
			s.Track("ana", journey.MessageReceived, enginetest.Props{"text": "hi"}),
			s.Track("ana", journey.MessageReceived, enginetest.Props{"text": "hi", "channel": "pigeon"}),
		)
		s.Equal(s.engagementOf("ana", "sms"), [2]float64{1, 1}) // a message that responds to no send shows that the channel works
		s.Equal(s.engagementOf("ana", "pigeon"), [2]float64{})
	})
}

// Offers that a page shows to a customer who is present do not count as engagement on a channel.
func TestShownOffersDoNotCountAsEngagement(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		s.Units.Channels = append(s.Units.Channels, channel.Spec{Name: "push", Address: "push_token"})
		show := func(channel, id string) {
			_, err := s.Database.Writer.ExecContext(
				s.Ctx,
				`insert into sends (key, enrollment, journey, step, message, customer, channel, category, topic, status, reason, release,
				at, token, lease_until)
				values ($1, '', '', '', 'offer', 'ana', $2, 'marketing', '', 'sent', '', 1, $3, 1, 0)`,
				id,
				channel,
				sqldb.Millis(enginetest.Noon.Add(time.Hour)),
			)
			s.Must(err)
		}
		show("push", "s1")
		s.Ingest(enginetest.Noon, s.Track("ana", "Push Clicked", enginetest.Props{"message": "offer"}))
		s.Equal(s.engagementOf("ana", "push"), [2]float64{0, 0})
		e := s.Enter("ana", nil)
		s.DecideAndSend(e, "k", enginetest.Noon)
		show("email", "s2")
		s.Ingest(enginetest.Noon, s.Track("ana", "Email Link Clicked", nil))
		s.Equal(s.engagementOf("ana", "email"), [2]float64{1, 1})
	})
}

func TestEngagementIsMerged(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{})
		click := func(user, anonymous, event string) customer.SegmentCall {
			c := s.Track(user, event, nil)
			c.AnonymousID = anonymous
			return c
		}
		s.Ingest(enginetest.Noon, click("", "a1", "Push Clicked"), click("", "a1", "Email Opened"), click("ana", "", "Push Clicked"))
		s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "identify", MessageID: "merge", UserID: "ana", AnonymousID: "a1"})
		s.Equal(
			[2][2]float64{s.engagementOf("ana", "push"), s.engagementOf("ana", "email")},
			[2][2]float64{{2, 2}, {1, decisioning.AnswerOpen}},
		)
		s.Equal(s.engagementOf("anon:a1", "push"), [2]float64{})
	})
}

// For a customer without engagement the engagement of other customers decides.
func TestBestChannelLearnsFromOtherCustomers(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{})
		for i := range 60 {
			id := fmt.Sprintf("c%d", i)
			a, _ := s.enterBoth(id)
			for _, channel := range []string{"email", "push"} {
				r, _ := s.reserveSend(a, id+channel, enginetest.Noon, via(channel))
				s.settle(r, enginetest.Noon, contract.StatusSent)
			}
			s.Ingest(enginetest.Noon, s.Track(id, "Push Clicked", nil))
		}
		a, _ := s.enterBoth("ana")
		s.Equal(s.sendByBestChannel(a, "early", enginetest.Noon), "email") // these sends may still be answered
		later := enginetest.Noon.Add(2 * enginetest.Day)
		in := s.NewSend(a, "late")
		in.Spec.Via = nil
		r, err := s.Messages.Reserve(s.Ctx, later, enginetest.Wall.Add(message.PopulationEvery), in, time.Minute)
		s.Must(err)
		s.Equal(r.Verdict.Channel, "push")
	})
}
