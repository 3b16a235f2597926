package mail

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// send finds the send that a report is about: by its key (the mail's X-Tabi-Key header), by the mail's Message-ID, or by the id
// that the provider assigned when it accepted the mail, with or without angle brackets and domain.
func (h *Handlers) send(r *http.Request, key, messageID string) (message.Send, error) {
	if key != "" {
		return h.rooms.Messages.Send(r.Context(), key)
	}
	if key, ok := signedlink.MessageKey(messageID); ok {
		if c, err := h.rooms.Messages.Send(r.Context(), key); !errors.Is(err, sqldb.ErrNotFound) {
			return c, err
		}
	}
	id := strings.Trim(messageID, "<> ")
	c, err := h.rooms.Messages.SendByProvider(r.Context(), "email", id)
	if local, _, ok := strings.Cut(id, "@"); ok && errors.Is(err, sqldb.ErrNotFound) {
		c, err = h.rooms.Messages.SendByProvider(r.Context(), "email", local)
	}
	return c, err
}
