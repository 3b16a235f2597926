package mail

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// maxForm bounds the body of a form, in bytes.
const maxForm = 64 << 10

// reader is who follows a link in a mail.
type reader struct {
	mail      signedlink.Mail
	send      message.Send // zero: the ledger does not know the send
	owner     string       // the customer's id as of now
	forgotten bool
	who       customer.Customer
	missing   error // sqldb.ErrNotFound: there is no such customer
	rules     *journey.Rulebook
	languages []string // that they read, the best first; each may be a list as browsers send it
	public
}

// public is the data of every page for customers.
type public struct {
	W    *words
	Lang string
	RTL  bool
}

// speak returns the words of a page in the first of some languages that there is.
func speak(languages ...string) public {
	w, name := wordsFor(languages...)
	return public{W: w, Lang: name, RTL: human.RightToLeft(name)}
}

// browser returns the page in the language of the browser: of nobody, where a link does not say who follows it.
func browser(r *http.Request) public { return speak(r.Header.Get("Accept-Language")) }

// read finds out who follows a link.
func (h *Handlers) read(r *http.Request, m signedlink.Mail) (*reader, error) {
	out := &reader{mail: m, owner: m.Customer, languages: []string{r.Header.Get("Accept-Language")}}
	out.public = speak(out.languages...)
	send, err := h.rooms.Messages.Send(r.Context(), m.Key)
	switch {
	case err == nil:
		// The id of the time of the send may belong to another customer by now.
		out.send, out.owner = send, send.Customer
	case !errors.Is(err, sqldb.ErrNotFound): // as after the restore of a backup
		return out, err
	}
	if out.rules, err = h.rooms.Catalog.Rules(r.Context()); err != nil {
		return out, err
	}
	if out.forgotten = unit.IsPseudonym(out.owner); out.forgotten {
		return out, nil
	}
	return out, h.reread(r.Context(), out)
}

// reread reads the reader's profile.
func (h *Handlers) reread(ctx context.Context, out *reader) error {
	var err error
	if out.who, err = h.rooms.Customers.Get(ctx, out.owner); err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return err
	}
	out.missing = err
	if language, ok := out.who.Traits["language"].(string); ok {
		out.languages = append([]string{language}, out.languages...)
		out.public = speak(out.languages...)
	}
	return nil
}

// refused reports whether a consent is refused, or absent where the policy asks for it.
func (u *reader) refused(name string) bool {
	answer := consent.At(u.who.Traits, name)
	return consent.Refused(answer) || answer == consent.Absent && u.rules.AsksConsent(name)
}

// on reports whether the reader gets marketing of a topic on a channel, as far as they have a say in it.
func (u *reader) on(topic consent.Topic, channel string) bool {
	on, _ := topic.On(u.who.Traits, channel)
	return on && !u.refused("all") && !u.refused(journey.Marketing) && !u.refused(channel) &&
		!consent.Refused(consent.At(u.who.Traits, consent.Topics, topic.Name))
}

// text is a text in one language.
type text struct {
	Text, Lang string
	RTL        bool
}

// say returns a text of topics.yaml in the reader's language, else in English, else in the first language that it has.
func (u *reader) say(in map[string]string, other string) text {
	name, ok := "", false
	for _, wanted := range append(slices.Clone(u.languages), "en") {
		if name, ok = human.MatchLanguage(in, wanted); ok {
			break
		}
	}
	if !ok && len(in) > 0 {
		name, ok = slices.Sorted(maps.Keys(in))[0], true
	}
	if !ok {
		return text{Text: other}
	}
	return text{in[name], name, human.RightToLeft(name)}
}

// topic is a topic as the reader sees it.
type topic struct {
	Name        string
	Title       text
	About       text
	Channels    []choice
	ChannelName string // of the one channel that a page is about
}

// choice is one channel of a topic.
type choice struct {
	Field   string // <topic>/<channel>
	Channel string
	Label   string
	On      bool
}

// topicOf returns a topic; nil if topics.yaml does not have it.
func (u *reader) topicOf(name string) *topic {
	known := u.rules.Topics[name]
	if known == nil {
		return nil
	}
	out := &topic{Name: name, Title: u.say(known.Names, name), About: u.say(known.About, "")}
	for _, channel := range known.Channels {
		out.Channels = append(out.Channels, choice{name + "/" + channel, channel, u.W.channel(channel), u.on(known.Asked(name), channel)})
	}
	return out
}

// topicOnChannel returns a topic for a page about one of its channels; nil if customers cannot choose it there.
func (u *reader) topicOnChannel(name, channel string) *topic {
	out := u.topicOf(name)
	if out == nil || !slices.Contains(u.rules.Topics[name].Channels, channel) {
		return nil
	}
	out.ChannelName = u.W.channel(channel)
	return out
}

// topics returns all topics that customers can choose, by name.
func (u *reader) topics() (out []*topic) {
	for _, name := range slices.Sorted(maps.Keys(u.rules.Topics)) {
		out = append(out, u.topicOf(name))
	}
	return out
}

// addressShown returns where the mail of the link went, masked.
func (u *reader) addressShown() string {
	if len(u.send.Addresses) == 0 {
		return ""
	}
	return address.Mask(u.send.Addresses[0])
}

// wording returns what the page says about a topic on a channel.
func (t *topic) wording(channelName string) string {
	said := t.Title.Text
	if t.About.Text != "" {
		said += ": " + t.About.Text
	}
	return said + " (" + channelName + ")"
}

// act is what a reader does on a page. Its calls are stored in one transaction.
type act struct {
	reader *reader
	source string // of the proof: preference page, unsubscribe page, one click, confirmation page
	calls  []customer.SegmentCall
}

// add adds a call.
func (a *act) add(c customer.SegmentCall) {
	c.MessageID, c.Source = event.PreferencePrefix+uuid.NewString(), "http"
	c.UserID, c.AnonymousID = event.Identity(a.reader.owner)
	a.calls = append(a.calls, c)
}

// track adds an event that proves what the reader has agreed to or refused: with the wording that they saw.
func (a *act) track(name, wording string, more map[string]any) {
	properties := about(a.reader.mail)
	maps.Copy(properties, more)
	properties["source"], properties["wording"], properties["language"] = a.source, wording, a.reader.Lang
	a.add(customer.SegmentCall{Type: "track", Event: name, Properties: properties})
}

// lift adds what a yes to a topic on a channel needs: the consents that are refused are given again.
func (a *act) lift(t *topic, channel, wording string) {
	if a.reader.refused("all") || a.reader.refused(journey.Marketing) {
		a.track(event.MarketingOptedIn, wording, nil)
	}
	if a.reader.refused(channel) {
		a.track(event.MarketingOptedIn, wording, map[string]any{"channel": channel})
	}
	if consent.Refused(consent.At(a.reader.who.Traits, consent.Topics, t.Name)) {
		a.track(event.MarketingOptedIn, wording, map[string]any{"topic": t.Name})
	}
}

// choose adds choices: field → on. Those that the profile has already are left out.
func (a *act) choose(topics []*topic, wanted map[string]bool, said func(*topic, choice) string) {
	patch := map[string]any{}
	var changed []func()
	for _, t := range topics {
		asked := a.reader.rules.Topics[t.Name].Asked(t.Name)
		for _, c := range t.Channels {
			on, shown := wanted[c.Field]
			if !shown {
				continue
			}
			if patch[t.Name] == nil {
				patch[t.Name] = map[string]any{}
			}
			patch[t.Name].(map[string]any)[c.Channel] = on
			if is, chosen := asked.On(a.reader.who.Traits, c.Channel); chosen == consent.Absent || is != on || c.On != on {
				changed = append(changed, func() {
					a.track(event.PreferenceUpdated, said(t, c), map[string]any{"topic": t.Name, "channel": c.Channel, "value": on})
				})
			}
		}
	}
	if len(changed) == 0 {
		return
	}
	a.add(customer.SegmentCall{Type: "identify", Traits: map[string]any{consent.TopicsTrait: patch}})
	for _, track := range changed {
		track()
	}
}

// store stores what the reader does, and reads their profile again.
func (h *Handlers) store(r *http.Request, a *act) error {
	if len(a.calls) == 0 {
		return nil
	}
	if err := h.ingest(r.Context(), a.calls); err != nil {
		return err
	}
	return h.reread(r.Context(), a.reader)
}

// ingest stores calls in one transaction. A limit that one exceeds is an error.
func (h *Handlers) ingest(ctx context.Context, calls []customer.SegmentCall) error {
	receipts, err := h.rooms.Intake.Ingest(ctx, h.Now(), calls)
	if err != nil {
		return err
	}
	for _, receipt := range receipts {
		if receipt.Over != nil {
			return receipt.Over
		}
	}
	return nil
}
