package api

import "time"

// KeptCall is a call or report that was refused and is kept for a while.
type KeptCall struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"` // virtual
	Door    string    `json:"door" doc:"where it came in: http, mail, track, signal or entry"`
	Code    string    `json:"code" doc:"the reason"`
	Field   string    `json:"field,omitempty"`
	Message string    `json:"message" personal:"mask"`
	Bytes   int       `json:"bytes" doc:"size of the whole call"`
}

// RejectedCallDetail is a refused call with its content.
type RejectedCallDetail struct {
	KeptCall
	Payload string `json:"payload" personal:"mask" doc:"the call as JSON; cut off after 4 KiB"`
}

// RejectedCallList is a page of refused calls. Next, if set, is the next page's after.
type RejectedCallList struct {
	RejectedCalls []KeptCall `json:"rejected_calls"`
	Next          string     `json:"next,omitempty"`
}

// RejectedCallCount is the number of refused calls that were deleted.
type RejectedCallCount struct {
	Count int64 `json:"count"`
}
