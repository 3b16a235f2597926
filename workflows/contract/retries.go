package contract

import "time"

// RetriesEnded is the reason of a send or a call whose retries have ended: a send's after a day, a call's after
// an hour.
const RetriesEnded = "RETRIES_ENDED"

// The pause between two attempts of a send. It starts at SendInterval and doubles after each attempt that reached the
// provider, up to MaxSendInterval. It is in real time, and longer if the clock is slower than real time.
const (
	SendInterval    = time.Second
	MaxSendInterval = 10 * time.Minute
)
