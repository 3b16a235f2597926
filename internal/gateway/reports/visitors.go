package reports

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// Who writes to us first, or adds the account of LINE, has got no message that says who they are. Such a person is a visitor whose
// anonymous id is made of the address: customer.ChatVisitor. They become the user they are when a server identifies them, or by
// LinkLine. See docs/decisions/0044.

// People finds customers.
type People interface {
	Get(ctx context.Context, id string) (customer.Customer, error)
}

// visitor returns the anonymous id of who a report is about by its address, and the traits that it proves; "": the channel has none, or
// the address is not one.
func visitor(r channel.Report) (anonymous string, known map[string]any) {
	trait := map[string]string{"line": address.LineID, "whatsapp": address.Phone}[r.Channel]
	if trait == "" || r.Kind != channel.Replied && r.Kind != channel.Followed && r.Kind != channel.Blocked {
		return "", nil
	}
	a, err := address.Judge(trait, r.Address)
	if err != nil {
		return "", nil
	}
	return customer.ChatVisitor(r.Channel, a.Key), map[string]any{trait: a.Text}
}

// isVisitor reports whether an anonymous id is known, as a visitor or as one of a user's ids.
func (h *Reports) isVisitor(ctx context.Context, anonymous string) (bool, error) {
	_, err := h.people.Get(ctx, customer.Anonymous(anonymous))
	if errors.Is(err, sqldb.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// visitorCall returns the event of a visitor. The address goes along as what a client's context knows: it fills what the profile lacks.
func (h *Reports) visitorCall(r channel.Report, name, anonymous string, known map[string]any) customer.SegmentCall {
	call := customer.SegmentCall{
		Type: "track", Event: name, Source: "http", Timestamp: r.At, MessageID: id(r, name, r.Address), AnonymousID: anonymous,
		Context:    known,
		Properties: map[string]any{"channel": r.Channel},
	}
	if r.Kind != channel.Replied || sessions[r.Channel] {
		call.Properties = tolerant.WithText(call.Properties, "address", r.Address)
	}
	return call
}

// LineLinker returns the address at which a user of LINE confirms that they are the customer whom a nonce is of.
type LineLinker func(ctx context.Context, lineID, nonce string) (string, error)

// lineNonce is the purpose of nonces; they are accepted for lineWithin. LINE's own token works for 10 minutes.
const (
	lineNonce  = "line link v1"
	lineWithin = 15 * time.Minute
	maxNonce   = 255 // of LINE
)

// nonce returns what LINE reports when the user has confirmed. Nobody can make one, or read who it is of.
func (h *Reports) nonce(user, lineID string) string {
	plain := binary.AppendVarint(nil, h.Wall().Add(lineWithin).Unix())
	return h.proofs.Seal(lineNonce, append(plain, lineID+"\n"+user...))
}

// linked returns the call that joins a user of LINE with the user who has proved to be them.
func (h *Reports) linked(r channel.Report) (call customer.SegmentCall, ignore string) {
	plain, err := h.proofs.Unseal(lineNonce, r.Data)
	if errors.Is(err, signedlink.ErrBadToken) || err != nil {
		return call, "the account was not linked: the nonce is none of this gateway's"
	}
	until, n := binary.Varint(plain)
	lineID, user, ok := strings.Cut(string(plain[max(n, 0):]), "\n")
	switch {
	case n <= 0 || !ok:
		return call, "the account was not linked: the nonce is none of this gateway's"
	case time.Unix(until, 0).Before(h.Wall()):
		return call, "the account was not linked: the nonce has expired"
	case lineID != address.Fold(address.LineID, r.Address):
		return call, "the account was not linked: the nonce is of another user of LINE"
	}
	return customer.SegmentCall{
		Type: "identify", UserID: user, AnonymousID: customer.ChatVisitor("line", lineID), Source: "http", Timestamp: r.At,
		MessageID: id(r, event.CustomerUpdated, r.Data), Traits: map[string]any{address.LineID: lineID},
	}, ""
}

// LinkLine accepts {"userId", "lineId"} of a server, whose user has signed in, and returns the address at which the user confirms in LINE
// that the account is theirs. Then LINE reports it, and the two become one customer.
func (h *Reports) LinkLine(w http.ResponseWriter, r *http.Request) {
	var in api.LineLinkRequest
	if f := h.ReadInto(w, r, &in); f != nil {
		web.WriteError(w, f)
		return
	}
	who, err := address.Judge(address.LineID, in.LineID)
	switch {
	case h.lineLinker == nil:
		web.WriteError(w, &web.Error{
			Status: http.StatusNotFound, Code: "not_found", Message: "LINE is not configured: set TABI_LINE_TOKEN and TABI_LINE_SECRET",
		})
		return
	case in.UserID == "":
		web.WriteError(w, web.Need("userId", in.UserID))
		return
	case web.CheckID("userId", in.UserID) != nil:
		web.WriteError(w, web.CheckID("userId", in.UserID))
		return
	case event.Anonymous(in.UserID) || event.Reserved(in.UserID):
		web.WriteError(w, web.Bad("userId", "is the id of a visitor, or one of tabi's own: name the user who has signed in"))
		return
	case err != nil || !address.IsLineID(who.Text):
		web.WriteError(w, web.Bad("lineId", "is not the id of a user of LINE: U and 32 hexadecimal digits"))
		return
	}
	nonce := h.nonce(in.UserID, who.Key)
	if len(nonce) > maxNonce {
		web.WriteError(w, web.Bad("userId", "is too long to be linked with LINE"))
		return
	}
	link, err := h.lineLinker(r.Context(), who.Text, nonce)
	if err != nil {
		h.Log.Warn("an account of LINE cannot be linked now", zap.Error(err))
		web.WriteError(w, &web.Error{Status: http.StatusBadGateway, Code: "unavailable", Message: err.Error()})
		return
	}
	web.WriteJSON(w, http.StatusOK, api.LineLinkResponse{URL: link})
}
