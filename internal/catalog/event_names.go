package catalog

import (
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/format"
)

// Names reports whether the release names an event: in a journey, as evidence of an intent, or as the acceptance of an action. A
// rule without a name, which every event may meet, does not count. The events of tabi itself are always named.
func (r *Release) Names(name string) bool {
	r.naming.Do(func() { r.named, r.texts = namesOf(r.Content) })
	if r.named[name] || slices.Contains(own, name) {
		return true
	}
	// An expression may name it, as count("Order Completed") does.
	return slices.ContainsFunc([]string{`"`, `'`, `\"`}, func(q string) bool { return strings.Contains(r.texts, q+name+q) })
}

// own are the events that mean something to tabi itself.
var own = []string{
	journey.MessageReceived, event.JourneyStarted, event.JourneyScheduled, event.CustomerUpdated, event.PageViewed, event.ScreenViewed,
	event.GroupJoined, event.EmailDelivered, event.EmailOpened, event.EmailLinkClicked, event.EmailBounced, event.EmailMarkedAsSpam,
	event.PushClicked, event.SMSLinkClicked, event.LinkClicked, event.Unsubscribed, event.MarketingOptedIn, event.MessageDelivered,
	event.MessageRead, event.MessageBounced, event.MessageFailed, event.ChannelFollowed,
}

// namesOf returns the events that rules name, and the journeys as text.
func namesOf(c *journey.Content) (out map[string]bool, texts string) {
	out = map[string]bool{}
	var all strings.Builder
	add := func(names []string) {
		for _, name := range names {
			out[name] = true
		}
	}
	for _, d := range c.Journeys {
		add(d.Entry.Events)
		if d.Goal != nil {
			add(d.Goal.Events)
		}
		for _, rule := range d.Exit {
			add(rule.Events)
		}
		for _, rule := range d.Reroute {
			add(rule.Events)
		}
		for i := range d.Steps {
			for _, names := range d.Steps[i].Describe().Events {
				add(names)
			}
		}
		if text, err := format.YAML(d); err == nil {
			all.Write(text)
		}
	}
	for _, i := range c.Intents {
		for _, e := range i.Evidence {
			add(e.Events)
		}
	}
	for _, a := range c.Actions {
		if a.Accept != nil {
			add(a.Accept.Events)
		}
	}
	return out, all.String()
}
