package lint

import (
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// timing warns about waits that the journey's timeout ends before they do, alone or together with the shortest way to them,
// so that nothing after them ever happens.
func (j *journeyCheck) timing() {
	soonest := j.soonest()
	for i, s := range j.all {
		if s.Spec == nil || soonest[i] < 0 {
			continue
		}
		length, key := s.waits()
		switch {
		case length <= j.def.Timeout && soonest[i]+length <= j.def.Timeout, soonest[i] > j.def.Timeout:
		case length > j.def.Timeout:
			j.Report(s.valueAt(key), "wait-beyond-timeout", "",
				"it takes %s, and the journey ends by its timeout after %s: what comes after is never reached",
				human.Duration(length), human.Duration(j.def.Timeout))
		default:
			j.Report(s.valueAt(key), "wait-beyond-timeout", "",
				"it ends %s after the entry at the soonest, and the journey by its timeout after %s: what comes after is never reached",
				human.Duration(soonest[i]+length), human.Duration(j.def.Timeout))
		}
	}
}

// waits returns how long an enrollment is at the step if nothing ends that sooner, and the key of that duration. It is 0 for a
// step that takes no time, or a time that the file does not say.
func (s *stepTree) waits() (length time.Duration, key string) {
	switch spec := s.Spec.(type) {
	case *journey.Wait:
		return spec.Duration, "wait"
	case *journey.WaitFor:
		return spec.Timeout, "timeout"
	case *journey.Ask:
		return spec.Timeout, "timeout"
	case *journey.Handoff:
		return spec.Timeout, "timeout"
	}
	return 0, ""
}

// valueAt returns the place of the value of a key of the step.
func (s *stepTree) valueAt(key string) source.Pos {
	if n := s.node.Child(key); n != nil {
		return n.Pos
	}
	return s.keyAt
}

// soonest returns for each step the shortest time after the entry at which an enrollment can be there; -1: never. Paths that
// a reroute leads to can begin at once.
func (j *journeyCheck) soonest() []time.Duration {
	out := make([]time.Duration, len(j.all))
	for i := range out {
		out[i] = -1
	}
	var queue []int
	arrive := func(to int, at time.Duration) {
		if to >= 0 && to < len(out) && (out[to] < 0 || at < out[to]) {
			out[to] = at
			queue = append(queue, to)
		}
	}
	for _, p := range j.order {
		rerouted := p.name == journey.Main || j.astray || slices.Contains(j.rerouted, p.name) ||
			slices.ContainsFunc(j.def.Reroute, func(r journey.RerouteRule) bool { return r.GoTo == p.name })
		if rerouted && len(p.steps) > 0 {
			arrive(p.steps[0].index, 0)
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		s := j.all[i]
		if s.Spec == nil {
			arrive(s.Next, out[i])
			continue
		}
		length, _ := s.waits()
		_, plain := s.Spec.(*journey.Wait)
		for _, arm := range s.Describe().Arms {
			at := out[i]
			if plain || arm.Key == journey.ArmTimeout {
				at += length
			}
			if !arm.Never {
				arrive(arm.Target(&s.Step), at)
			}
		}
		if s.When != "" {
			arrive(s.Next, out[i])
		}
	}
	return out
}

// rhythm warns about a journey by schedule whose sends a frequency cap, or whose entries its own re-entry, may hold back. A
// scenario with nothing but this journey would not show it.
func (j *journeyCheck) rhythm() {
	entry := j.def.Entry
	if entry.Schedule == nil || entry.Reentry == journey.ReentryNever || j.scheduleAt.Line == 0 {
		return
	}
	gap, within := rhythmOf(entry.Schedule.Days)
	if entry.Reentry == journey.ReentryAfter && entry.After > gap {
		j.Report(j.scheduleAt, "schedule-meets-limit", "",
			"the schedule comes after %s, and reentry lets a customer in again after %s: moments between let nobody in",
			human.Duration(gap), human.Duration(entry.After))
	}
	if j.Content.Policy == nil {
		return
	}
	for _, limit := range j.Content.Policy.Limits {
		moments := within(limit.Per)
		limits := func(s *stepTree) bool { return s.limitedBy(limit) }
		if limit.Per < gap || moments < limit.Max || limit.Max <= 0 || !slices.ContainsFunc(j.all, limits) {
			continue
		}
		what := human.Count(limit.Max, "send", "sends")
		if limit.Channel != "" {
			what += " by " + limit.Channel
		}
		if limit.Topic != "" {
			what += " of the topic " + limit.Topic
		}
		if moments > limit.Max {
			j.Report(j.scheduleAt, "schedule-meets-limit", "",
				"policy.yaml permits %s in %s, and the schedule comes %s in that time: the others are blocked (CAP_REACHED)",
				what, human.Duration(limit.Per), human.Count(moments, "time", "times"))
			continue
		}
		j.Report(j.scheduleAt, "schedule-meets-limit", "",
			"policy.yaml permits %s in %s, which this schedule uses up: any other send in that time takes the place of one (CAP_REACHED)",
			what, human.Duration(limit.Per))
	}
}

// limitedBy reports whether the step sends marketing that counts for the limit, whichever channel is chosen.
func (s *stepTree) limitedBy(limit journey.Limit) bool {
	var send *journey.Send
	switch spec := s.Spec.(type) {
	case *journey.Send:
		send = spec
	case *journey.Ask:
		send = &spec.Question
	default:
		return false
	}
	if send.Category == journey.Transactional || limit.Topic != "" && limit.Topic != send.Topic {
		return false
	}
	elsewhere := func(channel string) bool { return channel != limit.Channel }
	return limit.Channel == "" || len(send.Via) > 0 && !slices.ContainsFunc(send.Via, elsewhere)
}

// rhythmOf returns the shortest time between two moments of a schedule on these days (empty: every day), and a function that
// returns how many of its moments at most lie in a window.
func rhythmOf(days []string) (gap time.Duration, within func(time.Duration) int) {
	const day = 24 * time.Hour
	on := func(n int) bool { return len(days) == 0 || slices.Contains(days, localtime.Weekdays[n%7]) }
	gap = 7 * day
	for first := range 7 {
		for next := first + 1; on(first) && next < first+7; next++ {
			if on(next) {
				gap = min(gap, time.Duration(next-first)*day)
			}
		}
	}
	return gap, func(window time.Duration) int {
		most, length := 0, max(1, int((window+day-1)/day))
		for first := range 7 {
			n := 0
			for d := first; d < first+min(length, 7*52); d++ {
				if on(d) {
					n++
				}
			}
			most = max(most, n)
		}
		return most
	}
}
