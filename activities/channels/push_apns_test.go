package channels_test

import (
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/phones"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

var iPhone = strings.Repeat("0a1B", 16)

func apnsConfig(s *phones.APNsServer) channels.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return channels.Config{RootCAs: pool, Keys: map[string]string{
		"TABI_APNS_KEY": s.Key, "TABI_APNS_KEY_ID": phones.APNsKeyID, "TABI_APNS_TEAM_ID": phones.APNsTeam,
		"TABI_APNS_TOPIC": phones.APNsTopic, "TABI_APNS_URL": s.URL,
	}}
}

func TestAPNsConforms(t *testing.T) {
	t.Parallel()
	s := phones.APNs(t)
	reason := func(status int, why string) func() {
		return func() { s.Fail(phones.Fault{Status: status, Body: `{"reason":"` + why + `"}`}) }
	}
	channeltest.Exercise(t, channeltest.Provider{
		Open: func(t *testing.T) channel.Channel { return open(t, "push", apnsConfig(s)) }, Message: pushTo(iPhone),
		Received: func(key string) (n int) {
			for _, m := range s.Messages() {
				if strings.Contains(string(m.Body), `"tabi_key":"`+key+`"`) {
					n++
				}
			}
			return n
		},
		Refuse: reason(400, "PayloadEmpty"), NotNow: reason(503, "ServiceUnavailable"),
		LoseAnswer: func() { s.Fail(phones.Fault{Drop: true}) },
		Hang:       func() { s.Fail(phones.Fault{Hang: true}) },
		Hung:       s.Hung, Clear: s.Clear,
	})
}

func TestAPNsContent(t *testing.T) {
	t.Parallel()
	s := phones.APNs(t)
	c := open(t, "push", apnsConfig(s))
	m := pushTo(iPhone)
	m.Fields["image"], m.Fields["buttons.1.title"], m.Fields["buttons.1.link"] = "https://shop.example.com/cup.png", "見る", "shop://cart"
	first, second := c.Send(t.Context(), m), c.Send(t.Context(), m)
	if first.Outcome != channel.Sent || first.ProviderID == "" || second.ProviderID != first.ProviderID {
		t.Fatalf("got %+v and %+v", first, second)
	}
	var payload struct {
		APS struct {
			Alert    struct{ Title, Body string }
			Category string
			Mutable  int `json:"mutable-content"`
		}
		Link, Image string
		Buttons     []map[string]string
	}
	got := s.Messages()
	if err := json.Unmarshal(got[0].Body, &payload); err != nil {
		t.Fatal(err)
	}
	if payload.APS.Alert.Title != m.Fields["title"] || payload.APS.Alert.Body != m.Fields["body"] || payload.APS.Mutable != 1 ||
		payload.APS.Category == "" || payload.Link != m.Fields["link"] || payload.Image == "" || payload.Buttons[0]["title"] != "見る" {
		t.Errorf("got %s", got[0].Body)
	}
	a, b := got[0].Header, got[1].Header
	if a.Get("Apns-Collapse-Id") == "" || a.Get("Apns-Collapse-Id") != b.Get("Apns-Collapse-Id") ||
		a.Get("Authorization") != b.Get("Authorization") || a.Get("Apns-Expiration") == "" {
		t.Errorf("got %v and %v", a, b)
	}
	m.Fields["body"] = strings.Repeat("長", 1500)
	if r := c.Send(t.Context(), m); r.Outcome != channel.Refused || r.Gone || !strings.Contains(r.Reason, "4096") {
		t.Errorf("too large: %+v", r)
	}
}

func TestAPNsReadsReasons(t *testing.T) {
	t.Parallel()
	s := phones.APNs(t)
	c := open(t, "push", apnsConfig(s))
	since := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		status int
		body   string
		want   channel.Outcome
		gone   bool
	}{
		"unregistered":    {410, `{"reason":"Unregistered","timestamp":1772445600000}`, channel.Refused, true},
		"expired":         {410, `{"reason":"ExpiredToken","timestamp":1772445600000}`, channel.Refused, true},
		"bad token":       {400, `{"reason":"BadDeviceToken"}`, channel.Refused, true},
		"another app's":   {400, `{"reason":"DeviceTokenNotForTopic"}`, channel.Refused, true},
		"bad payload":     {400, `{"reason":"PayloadEmpty"}`, channel.Refused, false},
		"too large":       {413, `{"reason":"PayloadTooLarge"}`, channel.Refused, false},
		"topic":           {400, `{"reason":"TopicDisallowed"}`, channel.NotSent, false},
		"provider token":  {403, `{"reason":"InvalidProviderToken"}`, channel.NotSent, false},
		"always expired":  {403, `{"reason":"ExpiredProviderToken"}`, channel.NotSent, false},
		"too many":        {429, `{"reason":"TooManyRequests"}`, channel.NotSent, false},
		"too many tokens": {429, `{"reason":"TooManyProviderTokenUpdates"}`, channel.NotSent, false},
		"shut down":       {503, `{"reason":"Shutdown"}`, channel.NotSent, false},
		"internal error":  {500, `{"reason":"InternalServerError"}`, channel.Unknown, false},
		"no JSON":         {400, `<html>`, channel.Refused, false},
	} {
		t.Run(name, func(t *testing.T) { // the cases share the server's faults
			s.Fail(phones.Fault{Status: test.status, Body: test.body})
			r := c.Send(t.Context(), pushTo(iPhone))
			s.Clear()
			if r.Outcome != test.want || r.Gone != test.gone || strings.Contains(r.Reason, iPhone) {
				t.Errorf("got %+v, want %s, gone %v", r, test.want, test.gone)
			}
			if dated := strings.Contains(test.body, "timestamp"); dated != r.GoneSince.Equal(since) {
				t.Errorf("dead since %s", r.GoneSince)
			}
		})
	}
}

func TestAPNsMakesANewTokenOnce(t *testing.T) {
	t.Parallel()
	s := phones.APNs(t)
	c := open(t, "push", apnsConfig(s))
	c.Send(t.Context(), pushTo(iPhone))
	if seen := s.Expire(); seen != 1 {
		t.Fatalf("%d tokens", seen)
	}
	for range 2 {
		if r := c.Send(t.Context(), pushTo(iPhone)); r.Outcome != channel.Sent {
			t.Fatalf("got %+v", r)
		}
	}
	if seen := s.Expire(); seen != 2 {
		t.Errorf("%d tokens, want 2", seen)
	}
}

// Each token goes to the service that it is of. Where that is not configured, the token is not dead.
func TestPushGoesToTheServiceOfTheToken(t *testing.T) {
	t.Parallel()
	s, sink := phones.APNs(t), start(t, devsinks.Options{})
	account, err := sink.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	both := apnsConfig(s)
	both.FCMCredentials, both.FCMURL = string(account), sink.FCMURL()
	c := open(t, "push", both)
	for _, token := range []string{iPhone, device} {
		if r := c.Send(t.Context(), pushTo(token)); r.Outcome != channel.Sent {
			t.Fatalf("got %+v", r)
		}
	}
	if len(s.Messages()) != 1 || len(sink.Pushes()) != 1 || sink.Pushes()[0].To != device {
		t.Errorf("Apple got %d, Firebase %d", len(s.Messages()), len(sink.Pushes()))
	}
	r := open(t, "push", apnsConfig(s)).Send(t.Context(), pushTo(device))
	if r.Outcome != channel.Refused || r.Gone || !strings.Contains(r.Reason, "TABI_FCM_CREDENTIALS") {
		t.Errorf("without Firebase: %+v", r)
	}
	if r = openPush(t, sink).Send(t.Context(), pushTo(iPhone)); r.Outcome != channel.Refused || r.Gone ||
		!strings.Contains(r.Reason, "TABI_APNS_KEY") {
		t.Errorf("without Apple: %+v", r)
	}
}

func TestAPNsNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := phones.APNs(t)
	for _, name := range []string{"TABI_APNS_KEY", "TABI_APNS_KEY_ID", "TABI_APNS_TEAM_ID", "TABI_APNS_TOPIC", "TABI_APNS_URL"} {
		for _, value := range []string{"", "wrong"} {
			cfg := apnsConfig(s)
			cfg.Keys[name] = value
			_, err := channels.Shipped().Open(cfg)
			if fine := name == "TABI_APNS_URL" && value == "" || name == "TABI_APNS_TOPIC" && value != ""; fine != (err == nil) ||
				err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
}
