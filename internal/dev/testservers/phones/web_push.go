package phones

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/webpush"
)

// A PushService is a browser with its push service: it checks who sends (RFC 8292) and decrypts what comes (RFC 8291).
type PushService struct {
	*Server
	browser *webpush.Browser
}

// WebPush starts a push service with one subscription, made with a public key of VAPID.
func WebPush(t testing.TB, publicKey string) *PushService {
	browser, err := webpush.NewBrowser()
	if err != nil {
		t.Fatal(err)
	}
	p := &PushService{browser: browser}
	p.Server = start(t, true, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch text, err := browser.Open(body); {
		case r.Method != http.MethodPost || r.URL.Path != "/push/1":
			w.WriteHeader(http.StatusNotFound)
		case !webpush.Signed(r.Header.Get("Authorization"), publicKey, p.URL, clock.Wall()):
			w.WriteHeader(http.StatusForbidden)
		case r.Header.Get("TTL") == "" || len(r.Header.Get("Topic")) > 32 || r.Header.Get("Content-Encoding") != "aes128gcm" || err != nil:
			w.WriteHeader(http.StatusBadRequest)
		case len(body) > 4096:
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case p.accept(w, r, Message{To: r.URL.Path, Text: string(text), Header: r.Header, Body: text}):
			w.Header().Set("Location", p.URL+"/message/1")
			w.WriteHeader(http.StatusCreated)
		}
	})
	return p
}

// Subscription returns the browser's subscription, as its JSON.
func (p *PushService) Subscription() string {
	text, err := json.Marshal(map[string]any{
		"endpoint": p.URL + "/push/1", "expirationTime": nil,
		"keys": map[string]string{"p256dh": p.browser.P256dh(), "auth": p.browser.Auth()},
	})
	if err != nil {
		return ""
	}
	return string(text)
}
