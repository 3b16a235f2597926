package mail

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

type unsubscribeView struct {
	Token string
	Done  bool
}

// UnsubscribePage asks first: a GET changes nothing, because mail scanners follow links too.
func (h *Handlers) UnsubscribePage(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	if _, err := h.links.Mail(token); err != nil {
		h.badLink(w, r)
		return
	}
	h.pages.Render(w, r, http.StatusOK, "unsubscribe.html", "Unsubscribe", unsubscribeView{Token: token})
}

// Unsubscribe serves the page's form and RFC 8058's one click. The token is the permission; a repeat changes nothing.
func (h *Handlers) Unsubscribe(w http.ResponseWriter, r *http.Request) {
	m, err := h.links.Mail(r.PathValue("token"))
	if err != nil {
		h.badLink(w, r)
		return
	}
	owner, err := h.owner(r, m)
	if err != nil {
		h.unsubscribeFailed(w, r, err)
		return
	}
	if unit.IsPseudonym(owner) { // was forgotten, and all of its addresses refuse marketing since
		h.pages.Render(w, r, http.StatusOK, "unsubscribe.html", "Unsubscribed", unsubscribeView{Done: true})
		return
	}
	who, err := h.rooms.Customers.Get(r.Context(), owner)
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		h.unsubscribeFailed(w, r, err)
		return
	}
	done, err := h.optedOut(r, m, who, err)
	if err != nil {
		h.unsubscribeFailed(w, r, err)
		return
	}
	if !done {
		// A new id each time: an old link must work again after the customer has come back.
		call := customer.SegmentCall{
			Type: "track", Event: event.Unsubscribed, MessageID: event.UnsubscribePrefix + uuid.NewString(), Source: "http",
			Properties: about(m),
		}
		call.UserID, call.AnonymousID = web.Identity(owner)
		if _, err := h.rooms.Intake.Ingest(r.Context(), h.Now(), []customer.SegmentCall{call}); err != nil {
			h.unsubscribeFailed(w, r, err)
			return
		}
	}
	h.pages.Render(w, r, http.StatusOK, "unsubscribe.html", "Unsubscribed", unsubscribeView{Done: true})
}

// owner returns the customer to whom the mail of a link was sent, as of now. The id of the time of the send may belong to
// another customer by now, so it is asked only if the ledger does not know the send, as after the restore of a backup.
func (h *Handlers) owner(r *http.Request, m signedlink.Mail) (string, error) {
	send, err := h.rooms.Messages.Send(r.Context(), m.Key)
	if errors.Is(err, sqldb.ErrNotFound) {
		return m.Customer, nil
	}
	return send.Customer, err
}

// optedOut reports whether marketing has ended already for a customer (unknown where missing is sqldb.ErrNotFound) and for
// the mailbox of the mail.
func (h *Handlers) optedOut(r *http.Request, m signedlink.Mail, who customer.Customer, missing error) (bool, error) {
	if missing != nil || !consent.Refused(consent.At(who.Traits, journey.Marketing)) {
		return false, nil
	}
	send, err := h.rooms.Messages.Send(r.Context(), m.Key)
	if errors.Is(err, sqldb.ErrNotFound) {
		return true, nil
	}
	for _, key := range send.Addresses {
		state, err := h.rooms.Customers.AddressState(r.Context(), send.Channel, key)
		if err != nil || !state.OptedOut {
			return false, err
		}
	}
	return true, err
}

// about returns the properties of an opt-out. The key says which mailbox has opted out.
func about(m signedlink.Mail) map[string]any {
	out := map[string]any{}
	for key, value := range map[string]string{"journey": m.Journey, "step": m.Step, "message": m.Message, "key": m.Key} {
		if value != "" {
			out[key] = value
		}
	}
	return out
}

func (h *Handlers) badLink(w http.ResponseWriter, r *http.Request) {
	h.pages.Problem(w, r, http.StatusNotFound, "This link does not work",
		"It is incomplete or not one of our links. Please open it from the mail again, or reply to the mail and ask us to stop.")
}

func (h *Handlers) unsubscribeFailed(w http.ResponseWriter, r *http.Request, err error) {
	f := h.StoreError(r, err)
	w.Header().Set("Retry-After", "60")
	h.pages.Problem(w, r, f.Status, "Please try again", "Your request could not be stored. Please try again in a minute.")
}
