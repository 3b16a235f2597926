package devsinks

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/webpush"
)

// maxWebPush is the longest encrypted message, in bytes, as push services have it.
const maxWebPush = 4096

// WebPushURL returns the push service of browsers, as TABI_WEB_PUSH_URL takes it. Each Start makes its own keys.
func (s *Sink) WebPushURL() string {
	return s.push.url() + "/web-push?" + url.Values{"p256dh": {s.push.browser.P256dh()}, "auth": {s.push.browser.Auth()}}.Encode()
}

// SetWebPushKey makes the push service of browsers take only what is signed by the key whose public part this is.
func (s *Sink) SetWebPushKey(public string) {
	s.push.mu.Lock()
	defer s.push.mu.Unlock()
	s.push.webKey = public
}

// webPush accepts a message to a browser, as a push service does. What has the topic of a message before takes its place, so that is
// shown once.
func (p *pushServer) webPush(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebPush))
	if err != nil {
		http.Error(w, "the message is too large", http.StatusRequestEntityTooLarge)
		return
	}
	p.mu.Lock()
	key := p.webKey
	p.mu.Unlock()
	if !webpush.Signed(r.Header.Get("Authorization"), key, p.url(), clock.Wall()) {
		http.Error(w, "the signature is not by the key that browsers subscribe with", http.StatusForbidden)
		return
	}
	text, err := p.browser.Open(body)
	var m struct {
		Title, Body, Link string
		Key               string `json:"tabi_key"`
	}
	if err != nil || to == "" || r.Header.Get("TTL") == "" || json.Unmarshal(text, &m) != nil {
		http.Error(w, "the message cannot be decrypted or read", http.StatusBadRequest)
		return
	}
	if once := r.Header.Get("Topic") + "\n" + to; p.first(once) {
		p.kept.add(func(id int) Push {
			return Push{
				ID: id, Channel: "web_push", To: to, Title: m.Title, Body: m.Body, Link: m.Link, Key: m.Key,
				Received: clock.Wall(), Raw: text,
			}
		})
	}
	w.WriteHeader(http.StatusCreated)
}

// first reports whether a topic of a browser is new, and remembers it.
func (p *pushServer) first(topic string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.topics[topic] {
		return false
	}
	if len(p.topics) >= MaxKept {
		clear(p.topics)
	}
	p.topics[topic] = true
	return true
}
