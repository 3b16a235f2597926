package mail

import (
	"net/http"

	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// What an unsubscribe form ends.
const (
	scopeTopic = "topic" // the topic of the mail, on the channel of the mail
	scopeAll   = "all"   // all marketing
)

type unsubscribeView struct {
	public
	Token       string
	Topic       *topic // that the mail is about, and that can be ended alone; nil: none
	Done        string // what has ended: scopeTopic, scopeAll; empty: nothing yet
	Preferences string // path of the page of preferences; empty: there are no topics
}

// UnsubscribePage asks first: a GET changes nothing, because mail scanners follow links too.
func (h *Handlers) UnsubscribePage(w http.ResponseWriter, r *http.Request) {
	if u := h.unsubscribeReader(w, r); u != nil {
		h.showUnsubscribe(w, r, u, "")
	}
}

// Unsubscribe serves the page's form and RFC 8058's one click. The token is the permission; a repeat changes nothing. Where the mail is
// about a topic that customers can choose, one click ends that topic on that channel, and the page offers to end all; else it ends all
// marketing. See docs/decisions/0046.
func (h *Handlers) Unsubscribe(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	u := h.unsubscribeReader(w, r)
	if u == nil {
		return
	}
	scope := r.PostFormValue("scope")
	a := &act{reader: u, source: "unsubscribe page"}
	oneClick := scope == ""
	if oneClick {
		a.source = "one click"
	}
	about := u.mailTopic()
	if about == nil || !oneClick && scope != scopeTopic {
		scope = scopeAll
	} else {
		scope = scopeTopic
	}
	switch {
	case u.forgotten: // all of their addresses refuse marketing since
		scope = scopeAll
	case scope == scopeTopic:
		said := func(t *topic, c choice) string {
			return asShown(oneClick, u.W.StopAsk+" "+t.wording(c.Label)+" "+u.W.Unsubscribe)
		}
		a.choose([]*topic{about}, map[string]bool{about.Name + "/" + u.send.Channel: false}, said)
	default:
		done, err := h.optedOut(r, u)
		if err != nil {
			h.failed(w, r, u.public, err)
			return
		}
		if !done {
			button := u.W.Unsubscribe
			if about != nil {
				button = u.W.All
			}
			a.track(event.Unsubscribed, asShown(oneClick, button+". "+u.W.AllAbout), nil)
			// A new id each time: an old link must work again after the customer has come back.
			a.calls[0].MessageID = event.UnsubscribePrefix + a.calls[0].MessageID[len(event.PreferencePrefix):]
		}
	}
	if err := h.store(r, a); err != nil {
		h.failed(w, r, u.public, err)
		return
	}
	h.showUnsubscribe(w, r, u, scope)
}

// asShown returns the wording of a proof: what the page said, or that it was the button of a mail program.
func asShown(oneClick bool, said string) string {
	if oneClick {
		return "List-Unsubscribe=One-Click"
	}
	return said
}

// unsubscribeReader opens the link of a request; nil: it has been answered.
func (h *Handlers) unsubscribeReader(w http.ResponseWriter, r *http.Request) *reader {
	m, err := h.links.Mail(r.PathValue("token"))
	if err != nil {
		h.badLink(w, r)
		return nil
	}
	u, err := h.read(r, m)
	if err != nil {
		h.failed(w, r, u.public, err)
		return nil
	}
	return u
}

// mailTopic returns the topic that the mail is about, if customers can choose it on the mail's channel; else nil.
func (u *reader) mailTopic() *topic {
	if u.forgotten || u.send.Topic == "" {
		return nil
	}
	return u.topicOnChannel(u.send.Topic, u.send.Channel)
}

func (h *Handlers) showUnsubscribe(w http.ResponseWriter, r *http.Request, u *reader, done string) {
	v := unsubscribeView{public: u.public, Token: r.PathValue("token"), Topic: u.mailTopic(), Done: done}
	if len(u.rules.Topics) > 0 && !u.forgotten {
		links := h.links
		links.PublicURL = ""
		v.Preferences = links.Preferences(u.mail)
	}
	title := u.W.Ask
	if done != "" {
		title = u.W.Done
	}
	h.pages.Render(w, r, http.StatusOK, "unsubscribe.html", title, v)
}

// optedOut reports whether marketing has ended already for a customer and for the mailbox of the mail.
func (h *Handlers) optedOut(r *http.Request, u *reader) (bool, error) {
	if u.missing != nil || !consent.Refused(consent.At(u.who.Traits, journey.Marketing)) {
		return false, nil
	}
	for _, key := range u.send.Addresses {
		state, err := h.rooms.Customers.AddressState(r.Context(), u.send.Channel, key)
		if err != nil || !state.OptedOut {
			return false, err
		}
	}
	return true, nil
}

// about returns the properties of what a customer does by a link. The key says which mailbox has opted out.
func about(m signedlink.Mail) map[string]any {
	out := map[string]any{}
	for key, value := range map[string]string{"journey": m.Journey, "step": m.Step, "message": m.Message, "key": m.Key} {
		if value != "" {
			out[key] = value
		}
	}
	return out
}

// problemView says to a customer what is wrong.
type problemView struct {
	public
	Heading, Text string
}

// problem renders a page that says what is wrong.
func (h *Handlers) problem(w http.ResponseWriter, r *http.Request, status int, p public, heading, said string) {
	h.pages.Render(w, r, status, "sorry.html", heading, problemView{p, heading, said})
}

func (h *Handlers) badLink(w http.ResponseWriter, r *http.Request) {
	p := browser(r)
	h.problem(w, r, http.StatusNotFound, p, p.W.Bad, p.W.BadAbout)
}

func (h *Handlers) badForm(w http.ResponseWriter, r *http.Request, p public) {
	h.problem(w, r, http.StatusBadRequest, p, p.W.Again, p.W.AgainAbout)
}

func (h *Handlers) failed(w http.ResponseWriter, r *http.Request, p public, err error) {
	f := h.StoreError(r, err)
	w.Header().Set("Retry-After", "60")
	h.problem(w, r, f.Status, p, p.W.Again, p.W.AgainAbout)
}

// once returns the calls that were not in seen, by event, topic and channel.
func once(seen map[string]bool, calls []customer.SegmentCall) (out []customer.SegmentCall) {
	for _, c := range calls {
		topic, _ := c.Properties["topic"].(string)
		channel, _ := c.Properties["channel"].(string)
		if key := c.Event + "\x00" + topic + "\x00" + channel; !seen[key] {
			seen[key] = true
			out = append(out, c)
		}
	}
	return out
}
