package channel

import (
	"context"
	"fmt"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// NotConfigured begins the reason of a channel that the configuration has nothing for.
const NotConfigured = "NOT_CONFIGURED"

// notConfiguredError says which variable is missing.
type notConfiguredError struct{ variable string }

func (e *notConfiguredError) Error() string { return e.variable + " is not set" }

// unconfigured stands for a channel that the configuration has nothing for.
type unconfigured struct {
	spec     journey.ChannelSpec
	variable string
}

func (u unconfigured) Spec() journey.ChannelSpec { return u.spec }
func (u unconfigured) Dedupes() bool             { return true }
func (u unconfigured) Close() error              { return nil }

// Send refuses.
func (u unconfigured) Send(context.Context, Message) Receipt {
	return Receipt{
		Outcome: Refused,
		Reason:  fmt.Sprintf("%s: channel %s is not set up here: set %s", NotConfigured, u.spec.Name, u.variable),
	}
}
