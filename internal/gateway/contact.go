package gateway

import (
	"net/http"

	"github.com/tabi-journeys/tabi/internal/store"
)

// keyOf finds the ledger key in a Message-ID.
func keyOf(messageID string) string { return messageID }

// contact finds the send of a key.
func (g *Gateway) contact(r *http.Request, key string) (store.Contact, error) {
	return g.cfg.Store.Contact(r.Context(), key)
}
