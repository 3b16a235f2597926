package mail

import (
	"net/http"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// preferencesView is the page where a customer chooses what they get.
type preferencesView struct {
	public
	Token   string
	Address string // masked; empty: not known
	Topics  []*topic
	Nothing bool // the customer has refused all marketing
	Saved   bool
}

// PreferencesPage shows what the customer gets. A GET changes nothing, because mail scanners follow links too.
func (h *Handlers) PreferencesPage(w http.ResponseWriter, r *http.Request) {
	if u := h.preferencesReader(w, r); u != nil {
		h.showPreferences(w, r, u, false)
	}
}

// Preferences stores what the page's form says: what is ticked of what the page has shown, or that the customer refuses all marketing.
// The token is the permission: whoever does not have the link cannot make a form of it. A repeat changes nothing.
func (h *Handlers) Preferences(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	u := h.preferencesReader(w, r)
	if u == nil {
		return
	}
	if err := r.ParseForm(); err != nil {
		h.badForm(w, r, u.public)
		return
	}
	a := &act{reader: u, source: "preference page"}
	switch {
	case u.forgotten: // all of their addresses refuse marketing since
	case r.PostForm.Get("do") == "all":
		done, err := h.optedOut(r, u)
		if err != nil {
			h.failed(w, r, u.public, err)
			return
		}
		if !done {
			a.track(event.Unsubscribed, u.W.All+". "+u.W.AllAbout, nil)
		}
	default:
		wanted := map[string]bool{}
		for _, field := range r.PostForm["shown"] {
			wanted[field] = false
		}
		for _, field := range r.PostForm["on"] {
			if _, shown := wanted[field]; shown {
				wanted[field] = true
			}
		}
		heading := u.W.Choose
		if u.nothing() {
			heading = u.W.Nothing
		}
		said := func(t *topic, c choice) string { return heading + " " + t.wording(c.Label) }
		topics := u.topics()
		lifted := map[string]bool{}
		for _, t := range topics {
			for _, c := range t.Channels {
				if before := len(a.calls); wanted[c.Field] && !c.On {
					a.lift(t, c.Channel, said(t, c))
					a.calls = append(a.calls[:before], once(lifted, a.calls[before:])...)
				}
			}
		}
		a.choose(topics, wanted, said)
	}
	if err := h.store(r, a); err != nil {
		h.failed(w, r, u.public, err)
		return
	}
	h.showPreferences(w, r, u, true)
}

// preferencesReader opens the link of a request; nil: it has been answered.
func (h *Handlers) preferencesReader(w http.ResponseWriter, r *http.Request) *reader {
	m, err := h.links.PreferencesOf(r.PathValue("token"))
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

// nothing reports whether the reader has refused all marketing.
func (u *reader) nothing() bool {
	return u.forgotten || u.refused("all") || u.refused(journey.Marketing)
}

func (h *Handlers) showPreferences(w http.ResponseWriter, r *http.Request, u *reader, saved bool) {
	v := preferencesView{
		public: u.public, Token: r.PathValue("token"), Address: u.addressShown(), Topics: u.topics(), Saved: saved,
		Nothing: u.nothing(),
	}
	if u.forgotten {
		v.Topics, v.Address = nil, ""
	}
	h.pages.Render(w, r, http.StatusOK, "preferences.html", u.W.Preferences, v)
}
