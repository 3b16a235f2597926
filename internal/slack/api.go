package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// DefaultURL is Slack's Web API.
const DefaultURL = "https://slack.com/api"

// Refusal is what Slack says is wrong.
type Refusal struct {
	Code  string        // such as channel_not_found
	After time.Duration // how long to wait; 0: not said
	Final bool          // another attempt with the same text and channel changes nothing
}

// Error implements error.
func (r *Refusal) Error() string { return "Slack: " + r.Code }

// final are the errors that are about the channel or the message, and not about the token or the moment.
// https://docs.slack.dev/reference/methods/chat.postMessage#errors
var final = map[string]bool{
	"channel_not_found": true, "not_in_channel": true, "is_archived": true, "msg_too_long": true, "restricted_action": true,
	"message_not_found": true, "cant_update_message": true, "edit_window_closed": true, "no_text": true, "invalid_blocks": true,
}

// api calls Slack's Web API.
type api struct {
	client     *http.Client
	url, token string
}

// post writes a message to a channel, or over the message at ts, and returns its ts.
func (a *api) post(ctx context.Context, channel, ts, text string) (string, error) {
	method, request := "chat.postMessage", map[string]any{"channel": channel, "text": text, "unfurl_links": false}
	if ts != "" {
		method, request = "chat.update", map[string]any{"channel": channel, "text": text, "ts": ts}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/"+method, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("%s is not an address", URL)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := a.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("no answer of Slack: %s", httpclient.Cause(err))
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
		TS    string `json:"ts"`
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode == http.StatusOK {
		err = json.Unmarshal(data, &out)
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		after := httpclient.RetryAfter(resp.Header.Get("Retry-After"), clock.Wall())
		return "", &Refusal{Code: "ratelimited", After: max(after, time.Second)}
	case err != nil || resp.StatusCode != http.StatusOK:
		return "", &Refusal{Code: fmt.Sprintf("the answer was %d", resp.StatusCode)}
	case !out.OK:
		return "", &Refusal{Code: fmt.Sprintf("%.60s", out.Error), Final: final[out.Error]}
	}
	return out.TS, nil
}
