package mailapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// Answer is a provider's response to a Request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Pauses of everything that is sent to a provider which does not say itself how long.
const (
	busyPause    = 30 * time.Second
	settingPause = time.Minute // a setting is wrong: until somebody corrects it
)

// json reads the body.
func (a Answer) json(into any) bool { return json.Unmarshal(a.Body, into) == nil }

// says returns the beginning of a reason: the provider, the status, and its words.
func (a Answer) says(name string, words ...string) string {
	var said []string
	for _, w := range words {
		if w = strings.TrimSpace(w); w != "" {
			said = append(said, w)
		}
	}
	if len(said) == 0 {
		said = []string{http.StatusText(a.Status)}
	}
	return fmt.Sprintf("%s: %d %s", name, a.Status, strings.Join(said, ": "))
}

// receipt reads a refusal by its status alone: what providers agree about. A 4xx is of this mail, and final. Those of the account,
// the key or the address of the API may pass once somebody corrects them, so they pause everything and name the setting.
func (a Answer) receipt(reason, setting string) channel.Receipt {
	r := channel.Receipt{Outcome: channel.Refused, Reason: reason}
	switch s := a.Status; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusPaymentRequired, s == http.StatusNotFound,
		s == http.StatusMethodNotAllowed, s/100 == 3:
		return a.wrong(reason, setting)
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable:
		return a.busy(reason)
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusConflict:
		r.Outcome = channel.NotSent
	case s == http.StatusBadGateway, s == http.StatusGatewayTimeout: // of a proxy, which may have passed the mail on
		r.Outcome = channel.Unknown
	case s/100 == 5:
		r.Outcome = channel.NotSent
	}
	if r.Outcome != channel.Refused {
		r.RetryAfter = a.retryAfter()
	}
	return r
}

// wrong returns the receipt of a fault that is not the mail's but a setting's.
func (a Answer) wrong(reason, setting string) channel.Receipt {
	return channel.Receipt{
		Outcome: channel.NotSent, Reason: reason + "; is " + setting + " right?", RetryAfter: max(a.retryAfter(), settingPause), Busy: true,
	}
}

// busy returns the receipt of a provider that takes nothing now.
func (a Answer) busy(reason string) channel.Receipt {
	r := channel.Receipt{Outcome: channel.NotSent, Reason: reason, RetryAfter: a.retryAfter(), Busy: true}
	if r.RetryAfter == 0 {
		r.RetryAfter = busyPause
	}
	return r
}

// retryAfter returns how long the provider asks to wait: Retry-After, or the second at which its limit begins again.
func (a Answer) retryAfter() time.Duration {
	if wait := httpclient.RetryAfter(a.Header.Get("Retry-After"), clock.Wall()); wait > 0 {
		return wait
	}
	at, err := strconv.ParseInt(a.Header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || a.Status != http.StatusTooManyRequests {
		return 0
	}
	return min(max(time.Unix(at, 0).Sub(clock.Wall()), time.Second), httpclient.MaxRetryAfter)
}

// gone returns a refusal after which the address is dead.
func gone(reason string) channel.Receipt {
	return channel.Receipt{Outcome: channel.Refused, Reason: reason, Gone: true}
}
