package decisioning

import (
	"math"
	"time"
)

// EngagementHalfLife is how fast the engagement of a customer with a channel is forgotten: a quarter of a year. A
// customer who is written to once a month still leaves a trace of a few sends, and a changed habit (another job,
// another phone) dominates after a season.
const EngagementHalfLife = 90 * 24 * time.Hour

// Weights of the answers to a send. An open says little, because mail programs open mails that nobody reads (Apple's
// Mail Privacy Protection fetches every image). Of several answers to one send the best counts.
const (
	AnswerOpen  = 0.3
	AnswerClick = 1
	AnswerReply = 1
)

// priorSends is how many sends the population's rate weighs, relative to the customer's own: after four unanswered
// mails it counts half.
const priorSends = 4

// Engagement is how many sends a channel had and how well they were answered. A customer's are weighted by
// EngagementWeight; the population's are plain counts.
type Engagement struct{ Sends, Answers float64 }

// engagementEpoch is the moment at which a send weighs 1.
var engagementEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// EngagementWeight returns the weight of a send at a moment, and of its answer. It doubles every half-life. Sums of
// such weights need no update as time passes, and their ratio is that of the decayed counts (forward decay: Cormode,
// Shkapenyuk, Srivastava and Xu, ICDE 2009).
func EngagementWeight(at time.Time) float64 {
	return math.Exp2(min(max(float64(at.Sub(engagementEpoch))/float64(EngagementHalfLife), -1000), 1000))
}

// AnswerRate returns how likely a customer is to answer on a channel, 0…1: the decayed rate of answers per send,
// smoothed by the population's rate as if that were priorSends sends. An unanswered send lowers it, and so does a
// bounce, which counts as one more unanswered send.
func AnswerRate(own Engagement, population float64, now time.Time) float64 {
	prior := priorSends * EngagementWeight(now)
	return min(max((own.Answers+prior*population)/(own.Sends+prior), 0), 1)
}

// Bounds of PopulationRates: with fewer than fewSends sends of all customers nothing is concluded; channelPrior is how
// many sends the rate of all channels weighs, relative to one channel's own.
const (
	fewSends     = 100
	channelPrior = 100
)

// PopulationRates returns the rate at which customers answer on each channel, and for a channel that is not listed.
// Channels with few sends are drawn towards the rate of all. With few sends overall every rate is 0, so that only the
// customer's own answers distinguish channels.
func PopulationRates(channels map[string]Engagement) (rates map[string]float64, other float64) {
	var all Engagement
	for _, c := range channels {
		all.Sends += c.Sends
		all.Answers += c.Answers
	}
	rates = map[string]float64{}
	if all.Sends < fewSends {
		return rates, 0
	}
	other = all.Answers / all.Sends
	for name, c := range channels {
		rates[name] = (c.Answers + channelPrior*other) / (c.Sends + channelPrior)
	}
	return rates, other
}
