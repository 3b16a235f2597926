package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

const (
	inboxRefresh  = 15  // seconds
	inboxLimit    = 500 // hand-offs a list shows
	timelineLimit = 100 // entries a hand-off's page shows
	outcomeLength = 100
	noteLength    = 4000
)

type inboxView struct {
	Handoffs []handoff.Handoff
	Queues   []string
	Queue    string
	State    string // "", resolved or withdrawn
	Full     bool   // there may be more than are shown
}

// Inbox lists hand-offs: waiting ones by priority and age, or closed ones.
func (p *Pages) Inbox(w http.ResponseWriter, r *http.Request) {
	v := inboxView{Queue: r.URL.Query().Get("queue"), State: r.URL.Query().Get("state")}
	switch v.State {
	case "", handoff.HandoffOpen, handoff.HandoffClaimed, handoff.HandoffResolved, handoff.HandoffWithdrawn:
	default:
		p.Problem(w, r, http.StatusBadRequest, "Unknown list", "The state must be open, claimed, resolved or withdrawn.")
		return
	}
	mine := auth.PrincipalOf(r.Context()).Queues
	all, err := p.rooms.Handoffs.List(r.Context(), handoff.Filter{State: v.State, Queues: mine, Limit: inboxLimit})
	if v.Handoffs = all; err == nil && v.Queue != "" {
		v.Handoffs, err = p.rooms.Handoffs.List(r.Context(), handoff.Filter{
			State: v.State, Queue: v.Queue, Queues: mine, Limit: inboxLimit,
		})
	}
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	v.Full = len(v.Handoffs) == inboxLimit
	v.Queues = slices.Clone(mine)
	for _, h := range all {
		if !slices.Contains(v.Queues, h.Queue) {
			v.Queues = append(v.Queues, h.Queue)
		}
	}
	if v.Queue != "" && len(mine) == 0 && !slices.Contains(v.Queues, v.Queue) {
		v.Queues = append(v.Queues, v.Queue)
	}
	slices.Sort(v.Queues)
	p.Render(w, r, http.StatusOK, "inbox.html", "Inbox", v)
}

type handoffView struct {
	handoff.Handoff
	Story   story
	Problem string // why the last form was refused
	Chosen  string // outcome in the refused form, shown again; so are Other and Draft
	Other   string
	Draft   string
	Mine    bool
	Others  bool // another agent has claimed it
	Admin   bool // may act on what others have claimed
	Closed  bool
}

func (p *Pages) Handoff(w http.ResponseWriter, r *http.Request) {
	p.showHandoff(w, r, http.StatusOK, handoffView{})
}

// showHandoff shows one hand-off; v has the contents of a refused form.
func (p *Pages) showHandoff(w http.ResponseWriter, r *http.Request, status int, v handoffView) {
	ctx, id := r.Context(), r.PathValue("id")
	h, err := p.rooms.Handoffs.Get(ctx, id)
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		p.pageFailed(w, r, err)
		return
	}
	audit.Of(ctx).About(h.Customer, h.Journey)
	if p.notMine(w, r, h) {
		return
	}
	if err != nil {
		p.Problem(w, r, http.StatusNotFound, "No such hand-off", "There is no hand-off at this address. It may be mistyped.")
		return
	}
	v.Handoff = h
	v.Closed = h.State == handoff.HandoffResolved || h.State == handoff.HandoffWithdrawn
	v.Mine = h.State == handoff.HandoffClaimed && h.Agent == p.agent(r)
	v.Others = h.State == handoff.HandoffClaimed && !v.Mine
	v.Admin = over(r) == handoff.AsAdmin
	if v.Mine { // it stays with an agent who works on it
		if err := p.rooms.Handoffs.Seen(ctx, p.Wall(), id, h.Agent); err != nil {
			p.pageFailed(w, r, err)
			return
		}
	}
	if v.Story, err = p.readStory(ctx, h.Customer); err != nil {
		p.pageFailed(w, r, err)
		return
	}
	p.Render(w, r, status, "handoff.html", "Hand-off: "+h.Queue, v)
}

// notMine refuses an agent of queues a hand-off of another queue. The answer is the same where there is none (h is zero), so that nobody
// finds out by ids who is in other queues.
func (p *Pages) notMine(w http.ResponseWriter, r *http.Request, h handoff.Handoff) bool {
	if auth.PrincipalOf(r.Context()).MayWorkOn(h.Queue) {
		return false
	}
	p.Problem(w, r, http.StatusForbidden, "Not in your queues", "No hand-off at this address is in your queues.")
	return true
}

func (p *Pages) Claim(w http.ResponseWriter, r *http.Request) {
	agent, ok := p.actingAgent(w, r)
	if !ok {
		return
	}
	err := p.rooms.Handoffs.Claim(r.Context(), p.Now(), p.Wall(), r.PathValue("id"), agent)
	p.afterForm(w, r, err, handoffView{})
}

// TakeOver assigns a hand-off to the agent, whoever has it.
func (p *Pages) TakeOver(w http.ResponseWriter, r *http.Request) {
	agent, ok := p.actingAgent(w, r)
	if !ok {
		return
	}
	err := p.rooms.Handoffs.TakeOver(r.Context(), p.Now(), p.Wall(), r.PathValue("id"), agent, agent)
	p.afterForm(w, r, err, handoffView{})
}

// Release returns a hand-off to the queue.
func (p *Pages) Release(w http.ResponseWriter, r *http.Request) {
	agent, ok := p.actingAgent(w, r)
	if !ok {
		return
	}
	err := p.rooms.Handoffs.Release(r.Context(), p.Now(), p.Wall(), r.PathValue("id"), agent, over(r))
	p.afterForm(w, r, err, handoffView{})
}

// over returns whether the viewer may act on what others have claimed: a token or a session with the permission, not an open door.
func over(r *http.Request) handoff.Over {
	p := auth.PrincipalOf(r.Context())
	return handoff.Over(p.Kind != auth.KindOpen && p.Name != "" && p.May(access.HandoffsAssign))
}

func (p *Pages) Resolve(w http.ResponseWriter, r *http.Request) {
	v := handoffView{
		Chosen: strings.TrimSpace(r.PostFormValue("outcome")),
		Other:  strings.TrimSpace(r.PostFormValue("other")),
		Draft:  strings.TrimSpace(r.PostFormValue("note")),
	}
	outcome := v.Chosen
	if v.Other != "" {
		outcome = v.Other
	}
	switch {
	case outcome == "":
		v.Problem = "Please select an outcome, or enter another one."
	case len(outcome) > outcomeLength || !plainText(outcome):
		v.Problem = "The outcome has at most 100 characters."
	case len(v.Draft) > noteLength || !plainText(v.Draft):
		v.Problem = "The note has at most 4000 characters."
	}
	if v.Problem != "" {
		p.showHandoff(w, r, http.StatusBadRequest, v)
		return
	}
	agent, ok := p.actingAgent(w, r)
	if !ok {
		return
	}
	err := p.rooms.Handoffs.Resolve(r.Context(), p.Now(), r.PathValue("id"), agent, outcome, v.Draft, over(r))
	p.afterForm(w, r, err, v)
}

// afterForm redirects to the hand-off, or shows it with an error: 409 if the form came too late or another agent has claimed the
// hand-off.
func (p *Pages) afterForm(w http.ResponseWriter, r *http.Request, err error, v handoffView) {
	switch {
	case err == nil:
		http.Redirect(w, r, "/inbox/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	case errors.Is(err, handoff.ErrTaken):
		v.Problem = "Another agent has claimed this hand-off. Nothing was changed; talk to them, or take it over."
		p.showHandoff(w, r, http.StatusConflict, v)
	case errors.Is(err, handoff.ErrTooLate):
		v.Problem = "Too late: this hand-off was already closed. Your form had no effect; the result is shown below."
		p.showHandoff(w, r, http.StatusConflict, v)
	case errors.Is(err, sqldb.ErrNotFound):
		p.Problem(w, r, http.StatusNotFound, "No such hand-off", "There is no hand-off at this address. It may be mistyped.")
	default:
		p.pageFailed(w, r, err)
	}
}

// agent returns the name of the page's viewer.
func (p *Pages) agent(r *http.Request) string {
	if name := auth.PrincipalOf(r.Context()).Name; name != "" {
		return name
	}
	return auth.DevAgent
}

// actingAgent returns the name of the agent who sent a form. If no token is needed, or the token has no name, the name is in the
// form, and a cookie keeps it. On false the name was refused and the response is written.
func (p *Pages) actingAgent(w http.ResponseWriter, r *http.Request) (string, bool) {
	h, err := p.rooms.Handoffs.Get(r.Context(), r.PathValue("id"))
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		p.pageFailed(w, r, err)
		return "", false
	}
	if p.notMine(w, r, h) {
		return "", false
	}
	caller, given := auth.PrincipalOf(r.Context()), strings.TrimSpace(r.PostFormValue("agent"))
	mayName := caller.Kind == auth.KindOpen || caller.Kind == auth.KindToken && caller.Name == ""
	if given == "" || !mayName {
		return p.agent(r), true
	}
	if !auth.GoodName(given) {
		p.showHandoff(w, r, http.StatusBadRequest, handoffView{Problem: "Please enter a name of at most 80 characters."})
		return "", false
	}
	if caller.Kind == auth.KindOpen && given != caller.Name {
		p.auth.Remember(w, given)
	}
	return given, true
}

func (p *Pages) pageFailed(w http.ResponseWriter, r *http.Request, err error) {
	f := p.StoreError(r, err)
	if f.Retry > 0 {
		w.Header().Set("Retry-After", "5")
	}
	p.Problem(w, r, f.Status, "The page cannot be shown now", "The database did not answer. Please reload the page in a moment.")
}

func plainText(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
