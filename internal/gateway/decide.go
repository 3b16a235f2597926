package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/store"
)

// Rendering is a message to be made for a customer who is here.
type Rendering struct {
	Channel  string
	Message  *journey.Message
	Tone     string
	Language string
	Vars     expr.Vars
}

// DecideRequest asks for the next best actions of a customer who is on the page, in the app or on the phone.
type DecideRequest struct {
	UserID      string         `json:"userId,omitempty"`
	AnonymousID string         `json:"anonymousId,omitempty"`
	Group       string         `json:"group,omitempty"`     // of actions, or
	Actions     []string       `json:"actions,omitempty"`   // by name
	Channel     string         `json:"channel,omitempty"`   // where the customer is; default app
	Slots       int            `json:"slots,omitempty"`     // how many actions there is room for; default 1, at most 20
	Context     map[string]any `json:"context,omitempty"`   // of the moment: `event` in the actions' conditions
	RequestID   string         `json:"requestId,omitempty"` // a repeat under one id answers the same; default: a random one
	Preview     bool           `json:"preview,omitempty"`   // keep nothing: no contact, no offer, no decision
}

// DecideResponse is the answer. Actions is empty where nothing is of value now; Reason then says why.
type DecideResponse struct {
	RequestID string      `json:"requestId,omitempty"`
	Release   int         `json:"release"`
	Actions   []ActionNow `json:"actions"`
	Reason    string      `json:"reason,omitempty"`
}

// ActionNow is an action to show now.
type ActionNow struct {
	Key        string            `json:"key,omitempty"` // of the offer
	Action     string            `json:"action"`
	Message    string            `json:"message,omitempty"`
	Channel    string            `json:"channel"`
	Propensity float64           `json:"propensity"`
	Priority   float64           `json:"priority"`
	Content    map[string]string `json:"content,omitempty"` // the message's treatment for the channel, rendered
}

// maxActions is how many actions a request may name.
const maxActions = 1000

// decide serves POST /v1/decide. A server key decides for everybody, a user token for its user.
func (g *Gateway) decide(w http.ResponseWriter, r *http.Request) {
	body, f := g.readBody(w, r)
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	given := map[string]json.RawMessage{}
	var user string
	broken := json.Unmarshal(body, &given) // what is wrong with the body is said to those alone who may ask
	_ = json.Unmarshal(given["userId"], &user)
	f = g.mayRead(r, user)
	var in DecideRequest
	if f == nil {
		if f = g.readDecide(body, given, broken, &in); f == nil {
			f = g.checkDecide(&in)
		}
	}
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	_, content, err := g.cfg.Store.Content(r.Context())
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	if f := knowsActions(content, in.Group, in.Actions); f != nil {
		g.refuse(w, r, f)
		return
	}
	if in.RequestID == "" {
		in.RequestID = uuid.NewString()
	}
	d, err := g.cfg.Store.DecideInbound(r.Context(), g.now(), store.Inbound{
		UserID: in.UserID, AnonymousID: in.AnonymousID, Group: in.Group, Actions: in.Actions, Channel: in.Channel, Slots: in.Slots,
		Context: in.Context, RequestID: in.RequestID, Preview: in.Preview,
	})
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	out := DecideResponse{RequestID: in.RequestID, Release: d.Release, Reason: d.Reason, Actions: make([]ActionNow, len(d.Slots))}
	for i, s := range d.Slots {
		out.Actions[i] = ActionNow{
			Key:        s.Key,
			Action:     s.Action,
			Message:    s.Message,
			Channel:    s.Channel,
			Propensity: s.Propensity,
			Priority:   s.Priority,
		}
	}
	g.dress(r.Context(), content, &d, in.Context, out.Actions)
	writeJSON(w, http.StatusOK, out)
}

// decideKeys are the keys of a DecideRequest.
var decideKeys = []string{"userId", "anonymousId", "group", "actions", "channel", "slots", "context", "requestId", "preview"}

// readDecide makes the request of a body whose keys are given. As in the tracking API a key is what it is to
// the letter, and of two the last counts.
func (g *Gateway) readDecide(body []byte, given map[string]json.RawMessage, broken error, in *DecideRequest) *fail {
	switch {
	case len(body) > g.cfg.Limits.Event:
		return &fail{
			Status:  http.StatusRequestEntityTooLarge,
			Code:    "too_large",
			Message: fmt.Sprintf("the request has %d bytes; at most %d are taken", len(body), g.cfg.Limits.Event),
		}
	case broken != nil:
		return badJSON("", broken)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(decideKeys, key) {
			return &fail{
				Status:  http.StatusBadRequest,
				Code:    "unknown_key",
				Field:   top(key),
				Message: "no such key: " + strconv.Quote(top(key)),
			}
		}
	}
	once, err := json.Marshal(given)
	if err != nil {
		return badJSON("", err)
	}
	if f := decodeInto(once, in); f != nil {
		return f
	}
	if raw := given["slots"]; in.Slots == 0 && raw != nil && string(raw) != "null" {
		return bad("slots", fmt.Sprintf("is a number from 1 to %d", store.MaxSlots))
	}
	return nil
}

func (g *Gateway) checkDecide(in *DecideRequest) *fail {
	if in.UserID == "" && in.AnonymousID == "" {
		return &fail{
			Status:  http.StatusBadRequest,
			Code:    "missing",
			Field:   "userId",
			Message: "userId is missing, and anonymousId too; give one of them",
		}
	}
	if in.UserID != "" && in.AnonymousID != "" {
		return bad("anonymousId", "stands beside userId; give one of them")
	}
	if f := firstFail(checkID("userId", in.UserID), checkUserID("userId", in.UserID), checkID("anonymousId", in.AnonymousID), checkID("requestId", in.RequestID),
		checkID("channel", in.Channel), checkAsked(in.Group, in.Actions), g.checkTree("context", in.Context)); f != nil {
		return f
	}
	if f := g.checkChannel(in.Channel); f != nil {
		return f
	}
	if in.Slots < 0 || in.Slots > store.MaxSlots {
		return bad("slots", fmt.Sprintf("is a number from 1 to %d", store.MaxSlots))
	}
	return nil
}

// checkChannel wants a channel that there is, or none.
func (g *Gateway) checkChannel(name string) *fail {
	if known := g.cfg.Store.InboundChannels(); name != "" && !slices.Contains(known, name) {
		return bad("channel", "is not one that a customer can be on: give one of "+strings.Join(known, ", "))
	}
	return nil
}

// checkAsked wants a group or actions.
func checkAsked(group string, actions []string) *fail {
	switch {
	case group == "" && len(actions) == 0:
		return &fail{
			Status:  http.StatusBadRequest,
			Code:    "missing",
			Field:   "group",
			Message: "group is missing, and actions too; give one of them",
		}
	case group != "" && len(actions) > 0:
		return bad("actions", "stand beside group; give one of them")
	case len(actions) > maxActions:
		return bad("actions", fmt.Sprintf("are %d; at most %d are taken", len(actions), maxActions))
	}
	return nil
}

// knowsActions refuses a group or an action that is not in the release.
func knowsActions(content *journey.Content, group string, actions []string) *fail {
	if group != "" && content.Groups[group] == nil {
		return &fail{
			Status:  http.StatusNotFound,
			Code:    "unknown_group",
			Field:   "group",
			Message: "no such group of actions in the current release: " + strconv.Quote(top(group)),
		}
	}
	for i, name := range actions {
		if content.Actions[name] == nil {
			field := "actions[" + strconv.Itoa(i) + "]"
			return &fail{
				Status:  http.StatusNotFound,
				Code:    "unknown_action",
				Field:   field,
				Message: field + ": no such action in the current release: " + strconv.Quote(top(name)),
			}
		}
	}
	return nil
}

// dress renders what there is to show. What cannot be rendered is left to the caller, who has the message's name.
func (g *Gateway) dress(ctx context.Context, content *journey.Content, d *store.Decision, properties map[string]any, actions []ActionNow) {
	if g.cfg.Render == nil || !slices.ContainsFunc(actions, func(a ActionNow) bool { return content.Messages[a.Message] != nil }) {
		return
	}
	vars, err := g.cfg.Store.TemplateVars(ctx, d.At, d.Customer, properties)
	for i := range actions {
		a := &actions[i]
		message := content.Messages[a.Message]
		if err != nil || message == nil {
			continue
		}
		language, _ := vars.Customer["language"].(string)
		fields, broken := g.cfg.Render(
			ctx,
			Rendering{Channel: a.Channel, Message: message, Tone: d.Slots[i].Tone, Language: language, Vars: vars},
		)
		if broken != nil {
			g.log.Warn(
				"an action's message could not be rendered for a customer",
				zap.String("action", a.Action),
				zap.String("message", a.Message),
				zap.Error(broken),
			)
			continue
		}
		a.Content = fields
	}
	if err != nil {
		g.log.Warn("what was decided could not be rendered", zap.Error(err))
	}
}
