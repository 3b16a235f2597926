package decisioning

import (
	"math"
	"time"
)

// EngagementHalfLife is how fast what was learned of a customer's channels is forgotten: a quarter. Somebody who is
// written to once a month still leaves a trace of a few sends, and a habit that changed (another job, another
// phone) has the upper hand after a season.
const EngagementHalfLife = 90 * 24 * time.Hour

// What an answer is worth. An open says little: mail programs open mails that nobody reads (Apple's Mail
// Privacy Protection fetches every picture). Of several answers to one send the best counts.
const (
	AnswerOpen  = 0.3
	AnswerClick = 1
	AnswerReply = 1
)

// priorSends is how many sends the population's rate weighs against the customer's own: after four unanswered
// mails half of it is gone.
const priorSends = 4

// Engagement is what is known of a channel: sends, and the answers to them. Those of a customer are weighted by
// ReachWeight.
type Engagement struct{ Sends, Answers float64 }

// engagementEpoch is the moment at which a send weighs 1.
var engagementEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// EngagementWeight is what a send at a moment, and its answer, weigh: the later the more, doubled every half-life.
// Sums of such weights need no touching as time goes by, and their ratio is that of the decayed counts (forward
// decay: Cormode, Shkapenyuk, Srivastava and Xu, ICDE 2009).
func EngagementWeight(at time.Time) float64 {
	return math.Exp2(min(max(float64(at.Sub(engagementEpoch))/float64(EngagementHalfLife), -1000), 1000))
}

// AnswerRate is how likely a customer answers on a channel: the decayed rate of answers per send, beside which the
// population's rate counts as a few sends. A send that is not answered lowers it, and so does a bounce, which
// counts as one more such send.
func AnswerRate(own Engagement, population float64, now time.Time) float64 {
	prior := priorSends * EngagementWeight(now)
	return min(max((own.Answers+prior*population)/(own.Sends+prior), 0), 1)
}

// population: below so many sends of all customers together nothing is concluded; and so many sends the rate of
// all channels weighs against that of one.
const (
	fewSends     = 100
	channelPrior = 100
)

// PopulationRates is the rate at which customers answer on each channel, and on one that is not there. Channels with
// few sends are drawn to the rate of all; where all sends are few, nothing is concluded: every rate is 0, and
// channels are equal but for the customer's own answers.
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
