package gateway

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tabi-journeys/tabi/channel"
)

// fakeReceiver takes a list of channel.Report as JSON, and answers the challenge of a GET.
type fakeReceiver struct{}

func (fakeReceiver) Receive(r *http.Request, body []byte) (in channel.Received, err error) {
	switch string(body) {
	case "not signed":
		return in, channel.ErrSignature
	case "not now":
		return in, channel.ErrUnavailable
	}
	if r.Method == http.MethodGet {
		in.Answer = r.URL.Query().Get("hub.challenge")
		return in, nil
	}
	if json.Unmarshal(body, &in.Reports) != nil {
		err = errors.New("not a list of reports")
	}
	return in, err
}
