package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/store"
)

const (
	inboxRefresh  = 15  // seconds
	inboxLimit    = 500 // hand-offs a list shows
	timelineLimit = 100 // entries a hand-off's page shows
	outcomeLength = 100
	noteLength    = 4000
)

type inboxView struct {
	Handoffs []store.Handoff
	Queues   []string
	Queue    string
	State    string // "", resolved or withdrawn
	Full     bool   // there may be more than are shown
}

// inbox lists hand-offs: those that wait, by priority and age, or those that are closed.
func (g *Gateway) inbox(w http.ResponseWriter, r *http.Request) {
	v := inboxView{Queue: r.URL.Query().Get("queue"), State: r.URL.Query().Get("state")}
	switch v.State {
	case "", store.HandoffOpen, store.HandoffClaimed, store.HandoffResolved, store.HandoffWithdrawn:
	default:
		g.problemPage(w, r, http.StatusBadRequest, "Unknown list", "A list is of hand-offs that are open, claimed, resolved or withdrawn.")
		return
	}
	all, err := g.cfg.Store.Handoffs(r.Context(), store.HandoffFilter{State: v.State, Limit: inboxLimit})
	if err == nil && v.Queue != "" {
		v.Handoffs, err = g.cfg.Store.Handoffs(r.Context(), store.HandoffFilter{State: v.State, Queue: v.Queue, Limit: inboxLimit})
	} else {
		v.Handoffs = all
	}
	if err != nil {
		g.pageFailed(w, r, err)
		return
	}
	v.Full = len(v.Handoffs) == inboxLimit
	for _, h := range all {
		if !slices.Contains(v.Queues, h.Queue) {
			v.Queues = append(v.Queues, h.Queue)
		}
	}
	if v.Queue != "" && !slices.Contains(v.Queues, v.Queue) {
		v.Queues = append(v.Queues, v.Queue)
	}
	slices.Sort(v.Queues)
	g.render(w, r, http.StatusOK, "inbox.html", "Inbox", v)
}

type handoffView struct {
	store.Handoff
	Story   story
	Problem string // why the last form was not taken
	Chosen  string // what the form had, to be shown again
	Other   string
	Draft   string
	Mine    bool
	Closed  bool
}

func (g *Gateway) handoff(w http.ResponseWriter, r *http.Request) {
	g.showHandoff(w, r, http.StatusOK, handoffView{})
}

// showHandoff reads everything about one hand-off; v carries what a form had.
func (g *Gateway) showHandoff(w http.ResponseWriter, r *http.Request, status int, v handoffView) {
	ctx, id := r.Context(), r.PathValue("id")
	h, err := g.cfg.Store.Handoff(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		g.problemPage(w, r, http.StatusNotFound, "No such hand-off", "There is no hand-off at this address. It may have been mistyped.")
		return
	}
	if err != nil {
		g.pageFailed(w, r, err)
		return
	}
	v.Handoff = h
	v.Closed = h.State == store.HandoffResolved || h.State == store.HandoffWithdrawn
	v.Mine = h.State == store.HandoffClaimed && h.Agent == g.agent(r)
	if v.Story, err = g.tell(ctx, h.Customer); err != nil {
		g.pageFailed(w, r, err)
		return
	}
	g.render(w, r, status, "handoff.html", "Hand-off: "+h.Queue, v)
}

func (g *Gateway) claim(w http.ResponseWriter, r *http.Request) {
	agent, ok := g.actingAgent(w, r)
	if !ok {
		return
	}
	err := g.cfg.Store.ClaimHandoff(r.Context(), g.now(), r.PathValue("id"), agent)
	g.afterForm(w, r, err, handoffView{})
}

func (g *Gateway) resolve(w http.ResponseWriter, r *http.Request) {
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
		v.Problem = "Please choose an outcome, or write one."
	case len(outcome) > outcomeLength || !plainText(outcome):
		v.Problem = "The outcome is a short word or two, at most 100 characters."
	case len(v.Draft) > noteLength || !plainText(v.Draft):
		v.Problem = "The note is too long; at most 4000 characters are kept."
	}
	if v.Problem != "" {
		g.showHandoff(w, r, http.StatusBadRequest, v)
		return
	}
	agent, ok := g.actingAgent(w, r)
	if !ok {
		return
	}
	err := g.cfg.Store.ResolveHandoff(r.Context(), g.now(), r.PathValue("id"), agent, outcome, v.Draft)
	g.afterForm(w, r, err, v)
}

// afterForm shows the hand-off again; where the form came too late or another agent has it, with 409 and in
// plain words.
func (g *Gateway) afterForm(w http.ResponseWriter, r *http.Request, err error, v handoffView) {
	switch {
	case err == nil:
		http.Redirect(w, r, "/inbox/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	case errors.Is(err, store.ErrTaken):
		v.Problem = "Another agent has claimed this hand-off. Nothing was changed; please agree with them first."
		g.showHandoff(w, r, http.StatusConflict, v)
	case errors.Is(err, store.ErrTooLate):
		v.Problem = "Too late: this hand-off was closed before. What you sent had no effect; below is what happened instead."
		g.showHandoff(w, r, http.StatusConflict, v)
	case errors.Is(err, store.ErrNotFound):
		g.problemPage(w, r, http.StatusNotFound, "No such hand-off", "There is no hand-off at this address. It may have been mistyped.")
	default:
		g.pageFailed(w, r, err)
	}
}

// agent is the name of who looks at a page.
func (g *Gateway) agent(r *http.Request) string {
	if name := personOf(r).name; name != "" {
		return name
	}
	return devAgent
}

// actingAgent is who sent a form. Where no token is asked for, or a program's token has no name, the form says
// so; a session then remembers.
func (g *Gateway) actingAgent(w http.ResponseWriter, r *http.Request) (string, bool) {
	p, said := personOf(r), strings.TrimSpace(r.PostFormValue("agent"))
	mayName := p.session == nil && p.name == "" || p.session != nil && p.session.Token == ""
	if said == "" || !mayName {
		return g.agent(r), true
	}
	if !goodName(said) {
		g.showHandoff(w, r, http.StatusBadRequest, handoffView{Problem: "Please give a name of at most 80 characters."})
		return "", false
	}
	if p.session != nil && said != p.session.Agent {
		renamed := *p.session // its forms stay good
		renamed.Agent = said
		g.setSession(w, renamed)
	}
	return said, true
}

func (g *Gateway) pageFailed(w http.ResponseWriter, r *http.Request, err error) {
	f := g.storeFail(r, err)
	if f.Retry > 0 {
		w.Header().Set("Retry-After", "5")
	}
	g.problemPage(w, r, f.Status, "The page cannot be shown now", "The database did not answer. Please load the page again in a moment.")
}

func plainText(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
