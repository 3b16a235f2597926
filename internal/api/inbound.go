package api

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/number"
)

// DecideRequest asks for the next best actions of a customer who is on a page, in the app or on the phone now.
type DecideRequest struct {
	UserID      string        `json:"userId,omitempty"`
	AnonymousID string        `json:"anonymousId,omitempty"`
	Group       string        `json:"group,omitempty"`   // of actions, or
	Actions     []string      `json:"actions,omitempty"` // by name
	Channel     string        `json:"channel,omitempty"` // where the customer is; default app
	Slots       int           `json:"slots,omitempty"`   // maximum number of actions; default 1, at most 20
	Context     number.Object `json:"context,omitempty"` // of the moment; `event` in the actions' conditions
	RequestID   string        `json:"requestId,omitempty" doc:"a repeated id gets the same answer; default: a random one"`
	Preview     bool          `json:"preview,omitempty"` // store nothing: no send, no offer, no decision
}

// DecideResponse lists the chosen actions. If no action is worth showing now, Actions is empty and Reason says why.
type DecideResponse struct {
	RequestID string      `json:"requestId,omitempty"`
	Release   int         `json:"release"`
	Actions   []ActionNow `json:"actions"`
	Reason    string      `json:"reason,omitempty"`
}

// ActionNow is an action to show now.
type ActionNow struct {
	Key        string            `json:"key,omitempty" doc:"of the offer"`
	Action     string            `json:"action"`
	Message    string            `json:"message,omitempty"`
	Channel    string            `json:"channel"`
	Propensity float64           `json:"propensity"`
	Priority   float64           `json:"priority"`
	Content    map[string]string `json:"content,omitempty" doc:"the message's treatment for the channel, rendered"`
}

// AppMessage is one message of the app channel.
type AppMessage struct {
	Key     string    `json:"key"`
	Journey string    `json:"journey"`
	Step    string    `json:"step"`
	Message string    `json:"message"`
	Title   string    `json:"title,omitempty"`
	Body    string    `json:"body,omitempty"`
	Link    string    `json:"link,omitempty"`
	SentAt  time.Time `json:"sentAt" doc:"virtual"`
}

// AppMessages are a customer's messages in the app, newest first.
type AppMessages struct {
	Messages []AppMessage `json:"messages"`
}

// UserToken lets a customer's app read that customer's messages until it expires.
type UserToken struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires" doc:"wall"`
}
