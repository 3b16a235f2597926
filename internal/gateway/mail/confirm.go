package mail

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// confirmView is the page on which the reader of a mail confirms that they want a topic.
type confirmView struct {
	public
	Token     string
	Topic     *topic
	Confirmed bool
}

// ConfirmPage asks first: a GET changes nothing, because mail scanners follow links too.
func (h *Handlers) ConfirmPage(w http.ResponseWriter, r *http.Request) {
	if c, u, t := h.confirmReader(w, r); t != nil {
		h.showConfirm(w, r, u, t, t.Channels[at(t, c.Channel)].On && !u.unproven(t.Name, c.Channel))
	}
}

// Confirm stores that the reader wants the topic of the link, with the proof, and gives the consents that this needs. A repeat changes
// nothing.
func (h *Handlers) Confirm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c, u, t := h.confirmReader(w, r)
	if t == nil {
		return
	}
	if h.joinOwner(r, u, c.Channel) {
		if c, u, t = h.confirmReader(w, r); t == nil {
			return
		}
	}
	one := t.Channels[at(t, c.Channel)]
	if !one.On || u.unproven(t.Name, c.Channel) {
		a := &act{reader: u, source: "confirmation page"}
		wording := u.W.ConfirmAbout + " " + t.wording(one.Label) + " " + u.W.Yes
		a.lift(t, c.Channel, wording)
		a.choose([]*topic{t}, map[string]bool{one.Field: true}, func(*topic, choice) string { return wording })
		a.track(event.SubscriptionConfirmed, wording, map[string]any{"topic": t.Name, "channel": c.Channel})
		if err := h.store(r, a); err != nil {
			h.failed(w, r, u.public, err)
			return
		}
	}
	h.showConfirm(w, r, u, t, true)
}

// joinWithin bounds the search for the user who has a mailbox.
const joinWithin = 10 * time.Second

// joinOwner makes the subscriber of a form and the user who has the same mailbox one customer, and reports whether it did. It does so
// only when the mailbox has just proved to be the reader's, and only if one user has it: of several nobody can say which one it was.
// Where it fails, the choice stays with the subscriber, to whom the mails go. See docs/language/topics.md.
func (h *Handlers) joinOwner(r *http.Request, u *reader, channel string) bool {
	if channel != address.Mailbox || len(u.send.Addresses) != 1 {
		return false
	}
	mailbox := u.send.Addresses[0]
	subscriber := h.rooms.Customers.Subscriber(mailbox)
	if u.owner != customer.Anonymous(subscriber) {
		return false
	}
	ctx, cancel := context.WithTimeout(r.Context(), joinWithin)
	defer cancel()
	user, err := h.rooms.Customers.UserWithMailbox(ctx, mailbox)
	if err == nil && user != "" {
		err = h.ingest(ctx, []customer.SegmentCall{{
			Type: "identify", UserID: user, AnonymousID: subscriber, MessageID: event.PreferencePrefix + uuid.NewString(), Source: "http",
		}})
	}
	if err != nil {
		h.Log.Warn("a subscriber of a form stays apart from the user who has the mailbox", zap.String("subscriber", u.owner),
			zap.String("user", user), web.Logged(r.Context()), zap.Error(err))
		return false
	}
	return user != ""
}

// unproven reports whether the reader has not chosen a topic on a channel themselves: it is on by default alone.
func (u *reader) unproven(name, channel string) bool {
	_, chosen := u.rules.Topics[name].Asked(name).On(u.who.Traits, channel)
	return chosen == consent.Absent
}

// at returns the index of a channel of a topic, which has it.
func at(t *topic, channel string) int {
	for i, c := range t.Channels {
		if c.Channel == channel {
			return i
		}
	}
	return 0
}

// confirmReader opens the link of a request; no topic: it has been answered.
func (h *Handlers) confirmReader(w http.ResponseWriter, r *http.Request) (c signedlink.Confirmation, u *reader, t *topic) {
	c, err := h.links.Confirmation(r.PathValue("token"))
	if err != nil {
		h.badLink(w, r)
		return c, nil, nil
	}
	if u, err = h.read(r, c.Mail); err != nil {
		h.failed(w, r, u.public, err)
		return c, nil, nil
	}
	if !u.forgotten && u.missing == nil {
		t = u.topicOnChannel(c.Topic, c.Channel)
	}
	if t == nil || !h.Now().Before(c.Until) {
		h.problem(w, r, http.StatusGone, u.public, u.W.Expired, u.W.ExpiredAbout)
		return c, nil, nil
	}
	return c, u, t
}

func (h *Handlers) showConfirm(w http.ResponseWriter, r *http.Request, u *reader, t *topic, confirmed bool) {
	title := u.W.Confirm
	if confirmed {
		title = u.W.Confirmed
	}
	h.pages.Render(w, r, http.StatusOK, "confirm.html", title,
		confirmView{public: u.public, Token: r.PathValue("token"), Topic: t, Confirmed: confirmed})
}
