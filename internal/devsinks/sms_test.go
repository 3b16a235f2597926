package devsinks_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

// The channel sms delivers here, once for each key; who does not have the secret does not.
func TestTextMessages(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	opened, err := channels.Shipped().Open(channels.Config{SMSURL: s.SMSURL(), SMSSecret: s.SMSSecret()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := channels.Shipped().Close(opened); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m := channel.Message{Address: "+15550100001", Key: "e1/hello/1", Fields: map[string]string{"text": "Your parcel <is> here"}}
	first, again := opened["sms"].Send(ctx, m), opened["sms"].Send(ctx, m)
	if first.Outcome != channel.Sent || first.ProviderID != "text-1" || again.ProviderID != "text-1" {
		t.Errorf("sent %+v, then %+v", first, again)
	}
	m.Key, m.Fields = "e1/hello/2", map[string]string{"text": "second"}
	opened["sms"].Send(ctx, m)
	got, err := s.WaitText(ctx, func(g devsinks.Text) bool { return g.Text == "second" })
	if err != nil || got.To != "+15550100001" || got.Key != "e1/hello/2" || len(s.Texts()) != 2 {
		t.Errorf("%v: got %+v of %d", err, got, len(s.Texts()))
	}

	resp, err := http.Post(s.SMSURL(), "application/json", strings.NewReader(`{"to":"+15550100001","text":"forged"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || len(s.Texts()) != 2 {
		t.Errorf("unsigned: %d", resp.StatusCode)
	}

	base := serve(t, s)
	if _, _, body := get(t, base, "/dev/sms"); !strings.Contains(body, "parcel &lt;is&gt; here") || !strings.Contains(body, "second") ||
		!strings.Contains(body, "ledger key") {
		t.Errorf("the page: %s", body)
	}
	if _, _, body := get(t, base, "/dev/sms.json?key=e1/hello/2"); strings.Contains(body, "parcel") ||
		!strings.Contains(body, `"text": "second"`) {
		t.Errorf("the JSON: %s", body)
	}
}

// With a virtual clock the pages show its time, and the real one beside it.
func TestVirtualTimes(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	deliver(t, s, "ana@example.com", "Subject: hi\n\nx")
	base, real := serve(t, s), s.Mails()[0].Received
	if _, _, body := get(t, base, "/dev/mail"); strings.Contains(body, "real ") {
		t.Errorf("two times on one clock: %s", body)
	}
	s.SetClock(clock.Clock{Origin: time.Date(2031, 3, 2, 10, 0, 0, 0, time.UTC), Epoch: real.Add(-time.Second), Scale: 3600})
	for _, path := range []string{"/dev/mail", "/dev/mail/1"} {
		if _, _, body := get(t, base, path); !strings.Contains(body, "2 Mar 2031, 11:00:00") ||
			!strings.Contains(body, "real "+real.Format("15:04:05")) {
			t.Errorf("%s: %s", path, body)
		}
	}
}
