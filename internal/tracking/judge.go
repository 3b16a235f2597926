package tracking

import (
	"cmp"
	"slices"
	"time"
)

// A Hit is a request for a tracked link or a pixel of one send.
type Hit struct {
	ID      string
	Kind    Kind
	Link    int       // of a click: which of the message's links
	At      time.Time // virtual
	Machine string    // why it is not of a person; empty: unknown yet, or of a person
	Judged  bool
}

const (
	// Pause is the longest time between two clicks of a burst: a person who has followed a link looks at something else.
	Pause = time.Second
	// Reload is how long a repeated request for the same link, or pixel, is part of the first one.
	Reload = 2 * time.Second
	// Settle is how long a hit of a mail waits to be judged: until those of a burst have come.
	Settle = 2 * time.Second
	// burstLinks is the number of different links that make a burst; a message of fewer links makes one by all of them.
	burstLinks = 3
)

// Wait returns how long a hit of a message with some links waits to be judged. One link makes no burst.
func Wait(kind Kind, of int) time.Duration {
	if kind == Open || of > 1 {
		return Settle
	}
	return 0
}

// Looks is how far before and after a hit the hits of its send decide about it.
const Looks = 30 * time.Second

// Bursts returns the ids of those hits of one send that are of a machine because they are part of a burst: clicks of which each
// comes at most Pause after the one before, on burstLinks different links or on all of the message's; and the opens between them
// and within Pause of them. of is how many links the message has.
func Bursts(hits []Hit, of int) map[string]bool {
	out := map[string]bool{}
	var clicks []Hit
	for _, h := range hits {
		if h.Kind == Click && (h.Machine == "" || h.Machine == Burst) {
			clicks = append(clicks, h)
		}
	}
	slices.SortFunc(clicks, order)
	for from := 0; from < len(clicks); {
		to := from + 1
		for to < len(clicks) && clicks[to].At.Sub(clicks[to-1].At) <= Pause {
			to++
		}
		links := map[int]bool{}
		for _, h := range clicks[from:to] {
			links[h.Link] = true
		}
		if len(links) > 1 && len(links) >= min(of, burstLinks) {
			begin, end := clicks[from].At.Add(-Pause), clicks[to-1].At.Add(Pause)
			for _, h := range clicks[from:to] {
				out[h.ID] = true
			}
			for _, h := range hits {
				if h.Kind == Open && !h.At.Before(begin) && !h.At.After(end) {
					out[h.ID] = true
				}
			}
		}
		from = to
	}
	return out
}

// Repeats returns the ids of those hits of one send that are part of an earlier one: the browser asked again, or the page was
// loaded again at once. A hit that comes Reload after the first is another one. machines are not looked at.
func Repeats(hits []Hit, machines map[string]bool) map[string]bool {
	sorted := slices.SortedFunc(slices.Values(hits), order)
	out := map[string]bool{}
	type what struct {
		kind Kind
		link int
	}
	first, counted := map[what]time.Time{}, map[what][]time.Time{}
	for _, h := range sorted {
		if h.Judged && h.Machine == "" {
			counted[what{h.Kind, h.Link}] = append(counted[what{h.Kind, h.Link}], h.At)
		}
	}
	for _, h := range sorted {
		if h.Machine != "" || machines[h.ID] {
			continue
		}
		w := what{h.Kind, h.Link}
		if !h.Judged && slices.ContainsFunc(counted[w], func(at time.Time) bool { return at.Sub(h.At).Abs() < Reload }) {
			out[h.ID] = true // one that came later was judged before it
			continue
		}
		if began, ok := first[w]; ok && h.At.Sub(began) < Reload {
			out[h.ID] = true
		} else {
			first[w] = h.At
		}
	}
	return out
}

// order sorts hits by time; of equals those that are judged come first, so that what was counted stays the first.
func order(a, b Hit) int {
	judged := func(h Hit) int {
		if h.Judged {
			return 0
		}
		return 1
	}
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(judged(a), judged(b)), cmp.Compare(a.ID, b.ID))
}
