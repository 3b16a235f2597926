package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/store"
)

// userTokenLife is how long a user token opens a user's messages (wall time).
const userTokenLife = 24 * time.Hour

// AppMessage is one message of the app channel.
type AppMessage struct {
	Key     string    `json:"key"`
	Journey string    `json:"journey"`
	Step    string    `json:"step"`
	Message string    `json:"message"`
	Title   string    `json:"title,omitempty"`
	Body    string    `json:"body,omitempty"`
	Link    string    `json:"link,omitempty"`
	SentAt  time.Time `json:"sentAt"` // virtual
}

// appMessages lists what the app channel said to a user, newest first. A server key opens every user's, a user
// token its user's own.
func (g *Gateway) appMessages(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	if f := g.mayRead(r, user); f != nil {
		g.refuse(w, r, f)
		return
	}
	if f := checkID("userId", user); f != nil {
		g.refuse(w, r, f)
		return
	}
	limit := 50
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 200 {
			g.refuse(w, r, bad("limit", "is a number from 1 to 200"))
			return
		}
		limit = n
	}
	rows, err := g.cfg.Store.AppMessages(r.Context(), user, limit)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		g.storeFailed(w, r, err)
		return
	}
	out := make([]AppMessage, 0, len(rows))
	for _, c := range rows {
		out = append(out, AppMessage{
			Key: c.Key, Journey: c.Journey, Step: c.Step, Message: c.Message,
			Title: c.Said["title"], Body: c.Said["body"], Link: c.Said["link"], SentAt: c.At,
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"messages": out})
}

func (g *Gateway) mayRead(r *http.Request, user string) *fail {
	if token := bearer(r); token != "" {
		switch err := g.links.CheckUserToken(token, user, g.wall()); {
		case err == nil:
			return nil
		case errors.Is(err, signedlink.ErrExpired):
			return unauthorized("the user token has expired; get a new one from your own server")
		}
	}
	return g.serverKey(r)
}

// userToken gives a back end the token with which its user's app or page may read that user's messages.
func (g *Gateway) userToken(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	if f := firstFail(need("userId", user), checkID("userId", user)); f != nil {
		g.refuse(w, r, f)
		return
	}
	until := g.wall().Add(userTokenLife)
	writeJSON(w, http.StatusOK, map[string]any{"token": g.links.UserToken(user, until), "expires": until.Truncate(time.Second)})
}
