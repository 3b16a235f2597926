package api

// Accepted is the response to accepted Segment calls.
type Accepted struct {
	Success    bool           `json:"success"`
	MessageIDs []string       `json:"messageIds" doc:"of each call; empty if it was refused"`
	Receipts   []Receipt      `json:"receipts,omitempty" doc:"for server keys only: they show to whom an anonymous id belongs"`
	Rejected   []RejectedCall `json:"rejected,omitempty" doc:"the calls of a batch that were refused; the others were accepted"`
	Adjusted   []AdjustedCall `json:"adjusted,omitempty" doc:"what was changed in accepted calls, at most 100"`
}

// RejectedCall is a call of a batch that was refused, and why.
type RejectedCall struct {
	Index   int    `json:"index" doc:"in the batch, from 0"`
	Code    string `json:"code" doc:"bad_value, bad_time, missing, too_large, too_deep, forbidden, placeholder_id or invalid"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// AdjustedCall is a change to an accepted call.
type AdjustedCall struct {
	Index  int    `json:"index" doc:"in the batch, from 0"`
	Field  string `json:"field,omitempty"`
	Change string `json:"change" doc:"control_characters, space, no_time, future_time, sent_at, not_a_number or context_trait"`
}

// Receipt is the result of one accepted call.
type Receipt struct {
	MessageID   string   `json:"messageId"`
	Customer    string   `json:"customer"`
	Duplicate   bool     `json:"duplicate,omitempty"`
	Forgotten   bool     `json:"forgotten,omitempty" doc:"the customer was forgotten: nothing was stored"`
	Entered     []string `json:"entered,omitempty"` // workflow IDs of the enrollments that it started
	DeliveredTo int      `json:"delivered_to,omitempty" doc:"number of running enrollments that it is delivered to"`
	Unnamed     bool     `json:"unnamed,omitempty" doc:"no journey, intent or action of the release names the event; check its spelling"`
	Warnings    []string `json:"warnings,omitempty" doc:"what of the call was not understood, or had no effect, and why"`
}

// SegmentCall is one call of Segment's tracking API. The required fields depend on its type; unknown fields are
// ignored.
type SegmentCall struct {
	_           struct{}       `additionalProperties:"true"`
	Type        string         `json:"type,omitempty" doc:"in a batch: track, identify, page, screen, alias or group"`
	Event       string         `json:"event,omitempty" maxLength:"255" doc:"track: name of the event"`
	UserID      any            `json:"userId,omitempty" doc:"a string of at most 255 bytes, or a number; either this or anonymousId"`
	AnonymousID any            `json:"anonymousId,omitempty" doc:"a string of at most 255 bytes, or a number"`
	PreviousID  any            `json:"previousId,omitempty" doc:"alias: the id that becomes userId"`
	GroupID     any            `json:"groupId,omitempty" doc:"group"`
	MessageID   any            `json:"messageId,omitempty" doc:"an id counts once; default: a random one"`
	Properties  map[string]any `json:"properties,omitempty" doc:"track, page, screen"`
	Traits      map[string]any `json:"traits,omitempty" doc:"identify, group"`
	Context     map[string]any `json:"context,omitempty" doc:"traits, device.token, timezone, locale, and backfill: true for history"`
	Name        string         `json:"name,omitempty" maxLength:"255" doc:"page, screen"`
	Category    string         `json:"category,omitempty" maxLength:"255" doc:"page, screen"`
	Timestamp   string         `json:"timestamp,omitempty" doc:"RFC 3339 and its relatives; default: now"`
	SentAt      string         `json:"sentAt,omitempty" doc:"RFC 3339; corrects the client's clock"`
}

// SegmentBatch is a batch of calls.
type SegmentBatch struct {
	_      struct{}      `additionalProperties:"true"`
	Batch  []SegmentCall `json:"batch"`
	SentAt string        `json:"sentAt,omitempty" doc:"RFC 3339"`
}
