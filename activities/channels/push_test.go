package channels_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

const device = "fKx2:APA91bGQ-device-of-ana"

func pushTo(token string) channel.Message {
	return channel.Message{
		Key: "e1/nudge/1", Address: token, Journey: "cart-recovery", Step: "nudge", Message: "cart", Category: "marketing",
		Fields: map[string]string{"title": "カートをお忘れです", "body": "Your cart waits.", "link": "https://shop.example.com/cart"},
	}
}

func openPush(t *testing.T, s *devsinks.Sink) channel.Channel {
	t.Helper()
	account, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, "push", channels.Config{FCMCredentials: string(account), FCMURL: s.FCMURL()})
}

func TestPushConforms(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	channeltest.Exercise(t, channeltest.Provider{
		Open: func(t *testing.T) channel.Channel { return openPush(t, s) }, Message: pushTo(device),
		Received: func(key string) (n int) {
			for _, p := range s.Pushes() {
				if p.Key == key {
					n++
				}
			}
			return n
		},
		Refuse:     func() { s.FailPush(devsinks.Fault{Stage: "send", Code: 400, Text: "INVALID_ARGUMENT"}) },
		NotNow:     func() { s.FailPush(devsinks.Fault{Stage: "send", Code: 503, Text: "UNAVAILABLE"}) },
		LoseAnswer: func() { s.FailPush(devsinks.Fault{Stage: "send", Drop: true}) },
		Hang:       func() { s.FailPush(devsinks.Fault{Stage: "send", Hang: true}) },
		Hung:       s.PushHangs(), Clear: s.Clear,
	})
}

func TestPushContent(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openPush(t, s)
	m := pushTo(device)
	first, second := c.Send(t.Context(), m), c.Send(t.Context(), m)
	if first.Outcome != channel.Sent || !strings.HasPrefix(first.ProviderID, "projects/") || second.Outcome != channel.Sent {
		t.Fatalf("got %+v and %+v", first, second)
	}
	var names []string
	for _, p := range s.Pushes() {
		if p.To != device || p.Title != m.Fields["title"] || p.Body != m.Fields["body"] || p.Link != m.Fields["link"] || p.Key != m.Key {
			t.Errorf("got %+v", p)
		}
		var raw struct {
			Android struct {
				Notification struct{ Tag string }
			}
			APNS struct {
				Headers map[string]string
			}
		}
		if err := json.Unmarshal(p.Raw, &raw); err != nil {
			t.Fatal(err)
		}
		names = append(names, raw.Android.Notification.Tag, raw.APNS.Headers["apns-collapse-id"])
	}
	for _, n := range names {
		if n == "" || n != names[0] || len(n) > 64 {
			t.Errorf("a repeat would not take the place of the first: names %q", names)
		}
	}
	if granted := s.RevokeTokens(); granted != 1 {
		t.Errorf("%d access tokens for two sends, want 1", granted)
	}
}

func TestPushReadsFCMCodes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault devsinks.Fault
		want  channel.Outcome
		gone  bool
		retry time.Duration
	}{
		"token gone": {devsinks.Fault{Stage: "send", Code: 404, Text: "UNREGISTERED"}, channel.Refused, true, 0},
		"bad token":  {devsinks.Fault{Stage: "send", Code: 400, Text: "INVALID_ARGUMENT"}, channel.Refused, false, 0},
		"malformed token": {devsinks.Fault{Stage: "send", Code: 400, Text: "INVALID_ARGUMENT",
			Message: "The registration token is not a valid FCM registration token"}, channel.Refused, true, 0},
		"message too big": {devsinks.Fault{Stage: "send", Code: 400, Text: "INVALID_ARGUMENT", Message: "Message too big"},
			channel.Refused, false, 0},
		"other sender":     {devsinks.Fault{Stage: "send", Code: 403, Text: "SENDER_ID_MISMATCH"}, channel.Refused, true, 0},
		"not permitted":    {devsinks.Fault{Stage: "send", Code: 403, Text: "PERMISSION_DENIED"}, channel.NotSent, false, 0},
		"unauthenticated":  {devsinks.Fault{Stage: "send", Code: 401, Text: "UNAUTHENTICATED"}, channel.NotSent, false, 0},
		"apns certificate": {devsinks.Fault{Stage: "send", Code: 401, Text: "THIRD_PARTY_AUTH_ERROR"}, channel.NotSent, false, 0},
		"too many": {devsinks.Fault{Stage: "send", Code: 429, Text: "QUOTA_EXCEEDED", RetryAfter: "7"}, channel.NotSent, false,
			7 * time.Second},
		"too many, no wish": {devsinks.Fault{Stage: "send", Code: 429, Text: "QUOTA_EXCEEDED"}, channel.NotSent, false, time.Minute},
		"unavailable": {devsinks.Fault{Stage: "send", Code: 503, Text: "UNAVAILABLE", RetryAfter: "3"}, channel.NotSent, false,
			3 * time.Second},
		"internal":          {devsinks.Fault{Stage: "send", Code: 500, Text: "INTERNAL"}, channel.Unknown, false, 0},
		"token refused":     {devsinks.Fault{Stage: "token", Code: 400, Text: "invalid_grant"}, channel.NotSent, false, 0},
		"token server down": {devsinks.Fault{Stage: "token", Code: 503, Text: "unavailable"}, channel.NotSent, false, 0},
		"token server cut":  {devsinks.Fault{Stage: "token", Drop: true}, channel.NotSent, false, 0},
		"not found":         {devsinks.Fault{Stage: "send", Code: 404, Text: ""}, channel.Refused, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, devsinks.Options{})
			c := openPush(t, s)
			s.FailPush(test.fault)
			r := c.Send(t.Context(), pushTo(device))
			if r.Outcome != test.want || r.Gone != test.gone || r.RetryAfter != test.retry ||
				r.Busy != (test.fault.RetryAfter != "" && r.RetryAfter > 0) {
				t.Errorf("got %+v, want %s, gone %v, retry after %s", r, test.want, test.gone, test.retry)
			}
			s.Clear()
			if r := c.Send(t.Context(), pushTo(device)); r.Outcome != channel.Sent {
				t.Errorf("afterwards: %+v", r)
			}
		})
	}
}

func TestPushAsksForANewTokenOnce(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openPush(t, s)
	c.Send(t.Context(), pushTo(device))
	s.RevokeTokens()
	if r := c.Send(t.Context(), pushTo(device)); r.Outcome != channel.Sent {
		t.Fatalf("after the token was withdrawn: %+v", r)
	}
	if granted := s.RevokeTokens(); granted != 2 {
		t.Errorf("%d access tokens were granted, want 2", granted)
	}
}

func TestPushTimesOutAtEveryStage(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openPush(t, s)
	s.FailPush(devsinks.Fault{Stage: "token", Hang: true, Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan channel.Receipt, 2)
	go func() { done <- c.Send(ctx, pushTo(device)) }()
	<-s.PushHangs()
	go func() { done <- c.Send(ctx, pushTo(device)) }() // waits for the first one's token
	cancel()
	for range 2 {
		if r := <-done; r.Outcome != channel.NotSent {
			t.Errorf("got %+v", r)
		}
	}
	if r := c.Send(t.Context(), pushTo(device)); r.Outcome != channel.Sent {
		t.Errorf("afterwards: %+v", r)
	}
}

func TestPushDoesNotKillTokensOverAWrongURL(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	account, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(file, account, 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, "push", channels.Config{FCMCredentials: file, FCMURL: s.FCMURL() + "/elsewhere"})
	r := c.Send(t.Context(), pushTo(device))
	if r.Outcome != channel.NotSent || r.Gone || !strings.Contains(r.Reason, "TABI_FCM_URL") {
		t.Errorf("got %+v", r)
	}
	other := open(t, "push", channels.Config{FCMCredentials: file, FCMURL: s.FCMURL(), FCMProject: "another"})
	if r := other.Send(t.Context(), pushTo(device)); r.Outcome != channel.NotSent || r.Gone {
		t.Errorf("for another project: %+v", r)
	}
	if resp, err := http.Post(s.FCMURL()+"/v1/projects/tabi-dev/messages:send", "application/json", strings.NewReader(`{}`)); err != nil {
		t.Fatal(err)
	} else if resp.Body.Close(); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the sink takes messages without a token: %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}
