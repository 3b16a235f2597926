package signedlink

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestProofsOfMails: what was signed is found again in any case of letters, by the old and by the new secret, and nothing else is.
func TestProofsOfMails(t *testing.T) {
	t.Parallel()
	before := MustSecrets("the first secret of thirty-two ...")
	after := MustSecrets("the second secret of thirty-two ..", "the first secret of thirty-two ...")
	stranger := MustSecrets("the secret of somebody else ......")
	rapid.Check(t, func(t *rapid.T) {
		key := "01KJQ3V9T4X8W2Y6Z0A1B2C3D4/" + rapid.StringMatching(`[a-zé_-]{1,60}`).Draw(t, "step") + "/1"
		id := before.MessageID(key, "example.com")
		if got, ok := after.SignedKey("<" + strings.ToUpper(id) + ">"); !ok || got != key {
			t.Fatalf("%s: %q %v", id, got, ok)
		}
		if plain, ok := MessageKey(id); !ok || plain != key {
			t.Fatalf("%s: %q %v", id, plain, ok)
		}
		if _, ok := stranger.SignedKey(id); ok {
			t.Fatal("a stranger's secret accepts it")
		}
		token, ok := before.ReturnToken(key)
		if !ok || len(token) != ReturnTokenSize || strings.Trim(token, "0123456789abcdefghijklmnopqrstuv") != "" {
			t.Fatalf("%q %v", token, ok)
		}
		got, ok := after.Returned("bounce+" + strings.ToUpper(token) + "@example.com")
		if !ok || got.Enrollment != key[:26] || !got.Is(key) || got.Is(key+"0") {
			t.Fatalf("%+v %v", got, ok)
		}
		at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
		forged := []byte(token)
		forged[at] = "0123456789abcdefghijklmnopqrstuv"[(strings.IndexByte("0123456789abcdefghijklmnopqrstuv", forged[at])+1)%32]
		if _, ok := after.Returned("bounce+" + string(forged) + "@example.com"); ok {
			t.Fatal("an altered token is accepted")
		}
	})
	for _, id := range []string{MessageID("01KJQ3V9T4X8W2Y6Z0A1B2C3D4/a/1", "example.com"), "", "a.b@c", "<>", ".@x", "c0.@x"} {
		if key, ok := before.SignedKey(id); ok {
			t.Errorf("%q: %q", id, key)
		}
	}
	for _, key := range []string{"e1/greet/1", "", "01KJQ3V9T4X8W2Y6Z0A1B2C3D", "01kjq3v9t4x8w2y6z0a1b2c3d4/a/1"} {
		if token, ok := before.ReturnToken(key); ok {
			t.Errorf("%q: %q", key, token)
		}
	}
	for _, address := range []string{"", "@", "bounce@example.com", strings.Repeat("0", 48) + "@x",
		strings.Repeat("z", 48) + "@x", "bounce+" + strings.Repeat("é", 24) + "@x"} {
		if _, ok := before.Returned(address); ok {
			t.Errorf("%q is accepted", address)
		}
	}
	var none Secrets
	if id := none.MessageID("e1/a/1", "example.com"); id != MessageID("e1/a/1", "example.com") {
		t.Error(id)
	}
	if _, ok := none.SignedKey(before.MessageID("e1/a/1", "example.com")); ok {
		t.Error("no secret opens one")
	}
}
