package gateway

import (
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/store"
)

// Unsubscribed is the event that ends marketing to a customer.
const Unsubscribed = "Unsubscribed"

// identity gives a customer id as a call carries it.
func identity(customer string) (userID, anonymousID string) {
	if anonymous, ok := strings.CutPrefix(customer, anonymousPrefix); ok {
		return "", anonymous
	}
	return customer, ""
}

type unsubscribeView struct {
	Token string
	Done  bool
}

// unsubscribePage asks; nothing is changed by a GET, which mail scanners make too.
func (g *Gateway) unsubscribePage(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	if _, err := g.links.Mail(token); err != nil {
		g.badLink(w, r)
		return
	}
	g.render(w, r, http.StatusOK, "unsubscribe.html", "Unsubscribe", unsubscribeView{Token: token})
}

// unsubscribe serves the page's form and RFC 8058's one click. The token is the permission; a repeat changes nothing.
func (g *Gateway) unsubscribe(w http.ResponseWriter, r *http.Request) {
	m, err := g.links.Mail(r.PathValue("token"))
	if err != nil {
		g.badLink(w, r)
		return
	}
	customer, err := g.cfg.Store.Customer(r.Context(), m.Customer)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		g.unsubscribeFailed(w, r, err)
		return
	}
	if err != nil || !optedOut(customer) {
		// A new id each time: an old link must work again after the customer has come back.
		call := store.SegmentCall{
			Type: typeTrack, Event: Unsubscribed, MessageID: ownPrefix + "unsubscribe." + uuid.NewString(), Source: "http",
			Properties: about(m),
		}
		call.UserID, call.AnonymousID = identity(m.Customer)
		if _, err := g.cfg.Store.Ingest(r.Context(), g.now(), []store.SegmentCall{call}); err != nil {
			g.unsubscribeFailed(w, r, err)
			return
		}
	}
	g.render(w, r, http.StatusOK, "unsubscribe.html", "Unsubscribed", unsubscribeView{Done: true})
}

// optedOut reports whether marketing has ended for a customer already.
func optedOut(c store.Customer) bool {
	consent, ok := c.Traits["consent"].(map[string]any)
	return ok && consent["marketing"] == false
}

func about(m signedlink.Mail) map[string]any {
	out := map[string]any{}
	for key, value := range map[string]string{"journey": m.Journey, "step": m.Step, "message": m.Message} {
		if value != "" {
			out[key] = value
		}
	}
	return out
}

func (g *Gateway) badLink(w http.ResponseWriter, r *http.Request) {
	g.problemPage(w, r, http.StatusNotFound, "This link does not work",
		"It is not complete, or it was not made by us. Please open it from the mail once more, or answer the mail and ask us to stop.")
}

func (g *Gateway) unsubscribeFailed(w http.ResponseWriter, r *http.Request, err error) {
	f := g.storeFail(r, err)
	w.Header().Set("Retry-After", "60")
	g.problemPage(w, r, f.Status, "Please try again", "Your wish could not be stored just now. Please try again in a minute.")
}
