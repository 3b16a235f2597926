package channels

import (
	"context"
	"fmt"

	"github.com/tabi-journeys/tabi/channel"
)

// NotConfigured begins the reason of a channel without configuration.
const NotConfigured = "NOT_CONFIGURED"

// unconfigured replaces a channel without configuration.
type unconfigured struct {
	spec    channel.Spec
	setting string
}

func (u unconfigured) Spec() channel.Spec { return u.spec }
func (u unconfigured) Dedupes() bool      { return true }
func (u unconfigured) Close() error       { return nil }

// Send refuses.
func (u unconfigured) Send(context.Context, channel.Message) channel.Receipt {
	return channel.Receipt{
		Outcome: channel.Refused,
		Reason:  fmt.Sprintf("%s: channel %s is not configured: set %s", NotConfigured, u.spec.Name, u.setting),
	}
}
