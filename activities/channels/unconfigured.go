package channels

import (
	"context"
	"fmt"

	"github.com/tabi-journeys/tabi/channel"
)

// NotConfigured is the start of the reason of every refusal by a channel that the configuration leaves out.
const NotConfigured = "NOT_CONFIGURED"

// notConfiguredError names the missing variable.
type notConfiguredError struct{ variable string }

func (e *notConfiguredError) Error() string { return e.variable + " is not set" }

// unconfigured replaces a channel that the configuration leaves out.
type unconfigured struct {
	spec     channel.Spec
	variable string
}

func (u unconfigured) Spec() channel.Spec { return u.spec }
func (u unconfigured) Dedupes() bool      { return true }
func (u unconfigured) Close() error       { return nil }

func (u unconfigured) Send(context.Context, channel.Message) channel.Receipt {
	return channel.Receipt{
		Outcome: channel.Refused,
		Reason:  fmt.Sprintf("%s: channel %s is not set up here: set %s", NotConfigured, u.spec.Name, u.variable),
	}
}
