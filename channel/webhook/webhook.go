// Package webhook is the contract between tabi and what reads the webhooks of a provider of messages: see package channel.
// channeltest.ExerciseReceiver checks that it is kept.
package webhook

import (
	"net/http"

	"github.com/tabi-journeys/tabi/channel"
)

// Receiver reads the requests by which a provider reports. Receive checks the signature, and its time against
// channel.ReplayWindow, before it reads anything else; its errors are those of package channel. It must be safe for concurrent use.
// body is the request's, byte by byte as it came.
type Receiver interface {
	Receive(r *http.Request, body []byte) (channel.Received, error)
}
