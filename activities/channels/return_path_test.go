package channels_test

import (
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/devsinks"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// TestMailsAreReturnedWithAProof: the envelope's sender and the Message-ID prove which mail a bounce is about, and the sender that
// people see stays.
func TestMailsAreReturnedWithAProof(t *testing.T) {
	t.Parallel()
	const key = "01KJQ3V9T4X8W2Y6Z0A1B2C3D4/greet/1"
	proofs := signedlink.MustSecrets("a secret of thirty-two bytes ...")
	s := start(t, devsinks.Options{})
	for address, want := range map[string][2]string{ // with and without a token
		"bounces@example.com":       {"bounces+", "bounces@example.com"},
		"bounces-*@Mail.example.jp": {"bounces-", "bounces@mail.example.jp"},
		"b*@例え.jp":                  {"b", "b@xn--r8jz45g.jp"},
	} {
		c := open(t, "email", channels.Config{
			EmailURL: s.SMTPURL(), MailFrom: "Shop <shop@example.com>", BounceAddress: address, Proofs: proofs,
		})
		m := mailTo("ana@example.com")
		m.Key = key
		for _, k := range []string{key, "test/1"} {
			if m.Key = k; c.Send(t.Context(), m).Outcome != channel.Sent {
				t.Fatal("not sent")
			}
		}
		mails := s.Mails()
		got, plain := mails[len(mails)-2], mails[len(mails)-1]
		local, _, _ := strings.Cut(got.From, "@")
		returned, ok := proofs.Returned(got.From)
		if !ok || !returned.Is(key) || !strings.HasPrefix(got.From, want[0]) || len(local) > 64 || plain.From != want[1] {
			t.Errorf("%s: %s %+v %v, %s", address, got.From, returned, ok, plain.From)
		}
		if proven, ok := proofs.SignedKey(got.MessageID); !ok || proven != key {
			t.Errorf("%s: the Message-ID %s proves %q", address, got.MessageID, proven)
		}
		if got.Headers["From"] != `"Shop" <shop@example.com>` {
			t.Error(got.Headers["From"])
		}
	}
	for address, want := range map[string]string{
		"bounces": "must be a mail address", "*@example.com": "nothing before",
		"b*x@example.com": "between", "a..b@example.com": "plain ASCII",
		"the-bounces-of-the-shop@example.com": "leave room", "b@nowhere": "host name", "bö@example.com": "plain ASCII",
	} {
		_, err := channels.Shipped().Open(channels.Config{EmailURL: s.SMTPURL(), MailFrom: "shop@example.com", BounceAddress: address})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "TABI_BOUNCE_ADDRESS") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
