package contract

import "time"

// RetriesEnded is the reason of a send or a call whose retries have ended: a send's after a day, a call's after an hour.
const RetriesEnded = "RETRIES_ENDED"

// The pause between two attempts of a send: it starts at SendInterval and doubles each time the provider was asked, up
// to MaxSendInterval. In real time; longer if the clock is slower.
const (
	SendInterval    = time.Second
	MaxSendInterval = 10 * time.Minute
)
