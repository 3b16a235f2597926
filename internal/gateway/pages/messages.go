package pages

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/samples"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Gallery renders all treatments of a message of a release, for a customer, or for tabi's own sample customers where vars is nil.
type Gallery func(ctx context.Context, content *journey.Content, name, customer string, vars *expr.Vars) (Shown, error)

// Shown is a message as a page shows it.
type Shown struct {
	About    string
	Uses     []ShownUse
	Warnings []ShownWarning
	Fragment template.HTML
	Style    template.CSS
	// Policy is the Content-Security-Policy of the page: frames with mails need styles in their elements, and pictures.
	Policy string
}

// ShownUse is a place that sends a message. Journey is empty for an action of next best action, which Step names.
type ShownUse struct{ Journey, Step string }

// ShownWarning is something that readers will stumble over.
type ShownWarning struct{ Code, Where, Text string }

type messageView struct {
	Shown
	Name     string
	Customer string `personal:"drop"` // whom it is rendered for; empty: samples
	Personal bool   // the viewer may render it for a customer
	Results  any    // of the template message-results; nil: there are none
}

// Message shows all that a message of the current release says: for samples, or with ?customer= for a customer, which needs the permission
// to see personal data.
func (p *Pages) Message(w http.ResponseWriter, r *http.Request) {
	name, id := r.PathValue("name"), r.URL.Query().Get("customer")
	if r.URL.Query().Get("format") == "csv" {
		p.messageTable(w, r, name)
		return
	}
	_, content, err := p.rooms.Catalog.Content(r.Context())
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	here := content.Messages[name] != nil && p.gallery != nil
	if !here && p.wasSent(r, name) { // by an earlier release: only what came of it is left
		v := messageView{Name: name, Shown: Shown{About: "The current release does not have this message."}}
		v.Results, _ = p.MessageResults(r.Context(), r, name)
		p.Render(w, r, http.StatusOK, "message.html", name, v)
		return
	}
	if !here {
		p.Problem(w, r, http.StatusNotFound, "No such message", "There is no message of this name in the current release.")
		return
	}
	caller := auth.PrincipalOf(r.Context())
	v := messageView{Name: name, Customer: id, Personal: caller.May(access.CustomersPersonal)}
	var vars *expr.Vars
	if id != "" {
		found, err := p.sampleCustomer(r, content, name, id, v.Personal)
		switch {
		case errors.Is(err, errNotAllowed):
			p.Problem(w, r, http.StatusForbidden, "Not for your role",
				"A message rendered for a customer shows personal data, which your role, or your queues, do not see.")
			return
		case errors.Is(err, sqldb.ErrNotFound):
			p.Problem(w, r, http.StatusNotFound, "No such customer", "There is no customer with this id. It may be mistyped.")
			return
		case err != nil:
			p.pageFailed(w, r, err)
			return
		}
		vars = &found
	}
	if v.Shown, err = p.gallery(r.Context(), content, name, id, vars); err != nil {
		p.pageFailed(w, r, err)
		return
	}
	var refused *web.Error
	if v.Results, refused = p.MessageResults(r.Context(), r, name); refused != nil {
		p.Problem(w, r, refused.Status, "Not understood", refused.Message)
		return
	}
	w.Header().Set("Content-Security-Policy", v.Policy)
	p.Render(w, r, http.StatusOK, "message.html", name, v)
}

var errNotAllowed = errors.New("not allowed to see the customer")

// sampleCustomer returns what a message sees of a customer, if the viewer may.
func (p *Pages) sampleCustomer(r *http.Request, content *journey.Content, name, id string, personal bool) (expr.Vars, error) {
	if !personal {
		return expr.Vars{}, errNotAllowed
	}
	c, err := p.rooms.Customers.Get(r.Context(), id)
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return expr.Vars{}, err
	}
	if err == nil {
		id = c.ID
	}
	sees, may := p.maySee(r, id)
	if may != nil || !sees { // also where there is no such customer: an agent of other queues must not find out
		return expr.Vars{}, errors.Join(may, errNotAllowed)
	}
	audit.Of(r.Context()).About(id, "")
	return samples.Vars(r.Context(), samples.Rooms{
		Customers: p.rooms.Customers, Enrollments: p.rooms.Enrollments, Intents: p.rooms.Intents,
	}, p.Now(), content, name, id)
}

// messagePath returns the address of a message's page.
func messagePath(name string) string { return "/messages/" + url.PathEscape(name) }
