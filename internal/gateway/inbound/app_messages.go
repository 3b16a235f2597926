package inbound

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// UserTokenLife is how long a user token is valid (wall time).
const UserTokenLife = 24 * time.Hour

// AppMessages lists the app channel's messages to a user, newest first. A server key may read every user's, a user token its own
// user's.
func (h *Handlers) AppMessages(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	if f := h.auth.MayRead(r, user); f != nil {
		web.WriteError(w, f)
		return
	}
	if f := web.CheckID("userId", user); f != nil {
		web.WriteError(w, f)
		return
	}
	limit := 50
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 200 {
			web.WriteError(w, web.Bad("limit", "must be a number from 1 to 200"))
			return
		}
		limit = n
	}
	rows, err := h.rooms.Messages.AppMessages(r.Context(), user, limit)
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		h.StoreFailed(w, r, err)
		return
	}
	out := make([]api.AppMessage, 0, len(rows))
	for _, c := range rows {
		out = append(out, api.AppMessage{
			Key: c.Key, Journey: c.Journey, Step: c.Step, Message: c.Message,
			Title: c.Said["title"], Body: c.Said["body"], Link: c.Said["link"], SentAt: c.At,
		})
	}
	web.WriteJSON(w, http.StatusOK, api.AppMessages{Messages: out})
}

// UserToken returns the token with which a user's app or page may read that user's messages.
func (h *Handlers) UserToken(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	if f := web.FirstError(web.Need("userId", user), web.CheckID("userId", user), h.auth.StillVisitor(r, user)); f != nil {
		web.WriteError(w, f)
		return
	}
	until := h.Wall().Add(UserTokenLife)
	web.WriteJSON(w, http.StatusOK, api.UserToken{Token: h.auth.Links.UserToken(user, until), Expires: until.Truncate(time.Second)})
}
