package pages

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// sessionsView lists the viewer's own sessions.
type sessionsView struct {
	Sessions []sessionRow
	Others   int       // how many of them are not the viewer's browser
	Ended    int       // how many have been ended just now; -1: none was asked for
	Wall     time.Time // sessions live in wall time
}

// sessionRow is a session of the viewer.
type sessionRow struct {
	ID, Peer, Browser   string
	Created, Seen, Ends time.Time
	Here                bool // it is the viewer's browser
}

// Sessions shows people where they are signed in.
func (p *Pages) Sessions(w http.ResponseWriter, r *http.Request) {
	ended, err := strconv.Atoi(r.URL.Query().Get("ended"))
	if err != nil {
		ended = -1
	}
	list, err := p.auth.OwnSessions(r.Context())
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	v := sessionsView{Ended: ended, Wall: p.Wall()}
	for _, s := range list {
		row := sessionRow{s.ID, s.Peer, s.Browser, s.Created, s.Seen, s.Ends, s.ID == auth.PrincipalOf(r.Context()).SessionID}
		if !row.Here {
			v.Others++
		}
		v.Sessions = append(v.Sessions, row)
	}
	p.Render(w, r, http.StatusOK, "sessions.html", "Your sessions", v)
}

// EndSessions ends one of the viewer's own sessions, or all others.
func (p *Pages) EndSessions(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	if id == "" && r.PostFormValue("others") == "" {
		p.Problem(w, r, http.StatusBadRequest, "Nothing was changed", "The form names no session.")
		return
	}
	if id != "" && id == auth.PrincipalOf(r.Context()).SessionID {
		p.Logout(w, r)
		return
	}
	object := id
	if id == "" {
		object = "all other own sessions"
	}
	audit.Of(r.Context()).Object("session", object)
	n, err := p.auth.EndOwnSession(r.Context(), id)
	switch {
	case err != nil:
		p.pageFailed(w, r, err)
	case n == 0 && id != "":
		p.Problem(w, r, http.StatusNotFound, "No such session", "You have no session of this kind. It may have ended by itself.")
	default:
		http.Redirect(w, r, "/sessions?ended="+strconv.Itoa(n), http.StatusSeeOther)
	}
}
