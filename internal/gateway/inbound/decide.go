// Package inbound serves customers who are here, on a page, in the app or on the phone: POST /v1/decide, and the app channel's
// messages.
package inbound

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// Rendering is a request to render a message for a customer who is here.
type Rendering struct {
	Channel  string
	Message  *journey.Message
	Tone     string
	Language string
	Vars     expr.Vars
}

// Rooms are the rooms that inbound decisions and app messages use.
type Rooms struct {
	Catalog  Catalog
	Messages Messages
	Offers   Offers
}

// Catalog has the current release.
type Catalog interface {
	Content(ctx context.Context) (release int, c *journey.Content, err error)
}

// Messages has the messages of apps.
type Messages interface {
	AppMessages(ctx context.Context, customer string, limit int) ([]message.Send, error)
}

// Offers decides, and has the variables of a message that shows the chosen action.
type Offers interface {
	InboundChannels() []string
	DecideInbound(ctx context.Context, now time.Time, in offer.Inbound) (offer.Decision, error)
	TemplateVars(ctx context.Context, now time.Time, customer string, properties map[string]any) (expr.Vars, error)
}

// Handlers serve the customers who are here: decisions, and the messages of apps.
type Handlers struct {
	*web.Env
	auth   *auth.Auth
	rooms  Rooms
	render func(context.Context, Rendering) (map[string]string, error) // nil: a decision has the message's name only
}

// New returns the handlers; render may be nil.
func New(env *web.Env, a *auth.Auth, rooms Rooms, render func(context.Context, Rendering) (map[string]string, error)) *Handlers {
	return &Handlers{Env: env, auth: a, rooms: rooms, render: render}
}

// maxActions is the largest number of actions a request may name.
const maxActions = 1000

// Decide serves POST /v1/decide. A server key decides for every customer, a user token for its own user.
func (h *Handlers) Decide(w http.ResponseWriter, r *http.Request) {
	body, f := h.ReadBody(w, r)
	if f != nil {
		web.WriteError(w, f)
		return
	}
	given := map[string]json.RawMessage{}
	var user string
	broken := json.Unmarshal(body, &given) // errors of the body are reported only to callers who may ask
	_ = json.Unmarshal(given["userId"], &user)
	f = h.auth.MayRead(r, user)
	var in api.DecideRequest
	if f == nil {
		if f = h.readDecide(body, given, broken, &in); f == nil {
			f = h.checkDecide(&in)
		}
	}
	if f != nil {
		web.WriteError(w, f)
		return
	}
	_, content, err := h.rooms.Catalog.Content(r.Context())
	if err != nil {
		h.StoreFailed(w, r, err)
		return
	}
	if f := KnowsActions(content, in.Group, in.Actions); f != nil {
		web.WriteError(w, f)
		return
	}
	if in.RequestID == "" {
		in.RequestID = uuid.NewString()
	}
	d, err := h.rooms.Offers.DecideInbound(r.Context(), h.Now(), offer.Inbound{
		UserID: in.UserID, AnonymousID: in.AnonymousID, Group: in.Group, Actions: in.Actions, Channel: in.Channel, Slots: in.Slots,
		Context: in.Context, RequestID: in.RequestID, Preview: in.Preview,
	})
	if err != nil {
		h.StoreFailed(w, r, err)
		return
	}
	out := api.DecideResponse{RequestID: in.RequestID, Release: d.Release, Reason: d.Reason, Actions: make([]api.ActionNow, len(d.Slots))}
	for i, s := range d.Slots {
		out.Actions[i] = api.ActionNow{
			Key:        s.Key,
			Action:     s.Action,
			Message:    s.Message,
			Channel:    s.Channel,
			Propensity: s.Propensity,
			Priority:   s.Priority,
		}
	}
	h.dress(r.Context(), content, &d, in.Context, out.Actions)
	web.WriteJSON(w, http.StatusOK, out)
}

// decideKeys are the keys of a DecideRequest.
var decideKeys = []string{"userId", "anonymousId", "group", "actions", "channel", "slots", "context", "requestId", "preview"}

// readDecide decodes a request. As in the tracking API, keys match exactly, and the last of two equal keys counts.
func (h *Handlers) readDecide(body []byte, given map[string]json.RawMessage, broken error, in *api.DecideRequest) *web.Error {
	switch {
	case len(body) > h.Limits.Event:
		return &web.Error{
			Status:  http.StatusRequestEntityTooLarge,
			Code:    "too_large",
			Message: fmt.Sprintf("the request has %d bytes; at most %d are accepted", len(body), h.Limits.Event),
		}
	case broken != nil:
		return web.BadJSON("", broken)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(decideKeys, key) {
			return &web.Error{
				Status:  http.StatusBadRequest,
				Code:    "unknown_key",
				Field:   tolerant.Top(key),
				Message: "no such key: " + strconv.Quote(tolerant.Top(key)),
			}
		}
	}
	once, err := json.Marshal(given)
	if err != nil {
		return web.BadJSON("", err)
	}
	if f := web.DecodeInto(once, in); f != nil {
		return f
	}
	if raw := given["slots"]; in.Slots == 0 && raw != nil && string(raw) != "null" {
		return web.Bad("slots", fmt.Sprintf("must be a number from 1 to %d", offer.MaxSlots))
	}
	return nil
}

func (h *Handlers) checkDecide(in *api.DecideRequest) *web.Error {
	if in.UserID == "" && in.AnonymousID == "" {
		return web.Missing("userId", "give either userId or anonymousId")
	}
	if in.UserID != "" && in.AnonymousID != "" {
		return &web.Error{
			Status: http.StatusBadRequest, Code: "bad_value", Field: "anonymousId",
			Message: "give either userId or anonymousId, not both",
		}
	}
	if f := web.FirstError(web.CheckID("userId", in.UserID), web.CheckUserID("userId", in.UserID),
		web.CheckID("anonymousId", in.AnonymousID), web.CheckPerson("anonymousId", in.AnonymousID), web.CheckID("requestId", in.RequestID),
		web.CheckID("channel", in.Channel), CheckAsked(in.Group, in.Actions), h.CheckTree("context", in.Context)); f != nil {
		return f
	}
	if f := CheckChannel(h.rooms.Offers.InboundChannels(), in.Channel); f != nil {
		return f
	}
	if in.Slots < 0 || in.Slots > offer.MaxSlots {
		return web.Bad("slots", fmt.Sprintf("must be a number from 1 to %d", offer.MaxSlots))
	}
	return nil
}

// CheckChannel accepts a known inbound channel, or none.
func CheckChannel(known []string, name string) *web.Error {
	if name != "" && !slices.Contains(known, name) {
		return web.Bad("channel", "must be one of "+strings.Join(known, ", "))
	}
	return nil
}

// CheckAsked accepts either a group or a list of actions.
func CheckAsked(group string, actions []string) *web.Error {
	switch {
	case group == "" && len(actions) == 0:
		return web.Missing("group", "give either group or actions")
	case group != "" && len(actions) > 0:
		return &web.Error{
			Status: http.StatusBadRequest, Code: "bad_value", Field: "actions",
			Message: "give either group or actions, not both",
		}
	case len(actions) > maxActions:
		return web.Bad("actions", fmt.Sprintf("has %d names; at most %d are accepted", len(actions), maxActions))
	}
	return nil
}

// KnowsActions refuses a group or an action that is not in the release.
func KnowsActions(content *journey.Content, group string, actions []string) *web.Error {
	if group != "" && content.Groups[group] == nil {
		return &web.Error{
			Status:  http.StatusNotFound,
			Code:    "unknown_group",
			Field:   "group",
			Message: "no such group of actions in the current release: " + strconv.Quote(tolerant.Top(group)),
		}
	}
	for i, name := range actions {
		if content.Actions[name] == nil {
			field := "actions[" + strconv.Itoa(i) + "]"
			return &web.Error{
				Status:  http.StatusNotFound,
				Code:    "unknown_action",
				Field:   field,
				Message: field + ": no such action in the current release: " + strconv.Quote(tolerant.Top(name)),
			}
		}
	}
	return nil
}

// dress renders the chosen messages. If one cannot be rendered, its action has no content; the caller still has the message's name.
func (h *Handlers) dress(ctx context.Context, content *journey.Content, d *offer.Decision, properties map[string]any,
	actions []api.ActionNow) {
	if h.render == nil || !slices.ContainsFunc(actions, func(a api.ActionNow) bool { return content.Messages[a.Message] != nil }) {
		return
	}
	vars, err := h.rooms.Offers.TemplateVars(ctx, d.At, d.Customer, properties)
	for i := range actions {
		a := &actions[i]
		message := content.Messages[a.Message]
		if err != nil || message == nil {
			continue
		}
		language, _ := vars.Customer["language"].(string)
		fields, broken := h.render(
			ctx,
			Rendering{Channel: a.Channel, Message: message, Tone: d.Slots[i].Tone, Language: language, Vars: vars},
		)
		if broken != nil {
			h.Log.Warn(
				"could not render an action's message",
				zap.String("action", a.Action),
				zap.String("message", a.Message),
				zap.Error(broken),
			)
			continue
		}
		a.Content = fields
	}
	if err != nil {
		h.Log.Warn("could not render a decision", zap.Error(err))
	}
}
