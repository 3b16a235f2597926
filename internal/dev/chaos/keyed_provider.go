package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"
)

// keyedProvider is a provider over HTTP with one effect per key: push (in FCM's protocol), text messages and
// webhooks.
type keyedProvider struct {
	*providers
	server      *http.Server
	base        string
	credentials string // of a service account, as JSON
}

func startKeyedProvider(p *providers) *keyedProvider {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("no port on 127.0.0.1: " + err.Error())
	}
	k := &keyedProvider{providers: p, base: "http://" + listener.Addr().String()}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "chaos", "private_key_id": "1", "client_email": "chaos@example.com",
		"token_uri":   k.base + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	if err != nil {
		panic(err)
	}
	k.credentials = string(account)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"chaos","token_type":"Bearer","expires_in":3600}`)
	})
	mux.HandleFunc("POST /v1/projects/chaos/messages:send", k.push)
	mux.HandleFunc("POST /sms", func(w http.ResponseWriter, r *http.Request) { k.header(w, r, "sms") })
	mux.HandleFunc("POST /hook", func(w http.ResponseWriter, r *http.Request) { k.header(w, r, "webhook") })
	k.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = k.server.Serve(listener) }()
	return k
}

func (k *keyedProvider) close() { _ = k.server.Close() }

func (p *providers) hookURL() string { return p.keyed.base + "/hook" }

// push handles a message of FCM: its key is in the data.
func (k *keyedProvider) push(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Message struct {
			Notification struct{ Body string }
			Data         struct {
				Key string `json:"tabi_key"`
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	k.answer(w, r, "push", in.Message.Data.Key, in.Message.Notification.Body)
}

// header handles a call whose key is its webhook-id.
func (k *keyedProvider) header(w http.ResponseWriter, r *http.Request, channel string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	key, bad := url.PathUnescape(r.Header.Get("webhook-id"))
	if err != nil || bad != nil || key == "" {
		http.Error(w, "no webhook-id", http.StatusBadRequest)
		return
	}
	content := string(body)
	var text struct{ Text string }
	if channel == "sms" && json.Unmarshal(body, &text) == nil {
		content = text.Text
	}
	k.answer(w, r, channel, key, content)
}

// answer responds as the provider's present behavior says.
func (k *keyedProvider) answer(w http.ResponseWriter, r *http.Request, channel, key, content string) {
	m := k.nextBehavior(channel, key)
	switch m {
	case hangs:
		linger(r.Context())
		panic(http.ErrAbortHandler)
	case dropsBefore:
		panic(http.ErrAbortHandler)
	case refuses:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "{}", http.StatusServiceUnavailable)
		return
	case rejects:
		k.reject(key)
		http.Error(w, `{"error":{"status":"INVALID_ARGUMENT"}}`, http.StatusBadRequest)
		return
	}
	k.take(key, content)
	switch m {
	case answersLate:
		linger(r.Context())
	case dropsAfter:
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"name":"projects/chaos/messages/1"}`)
}

// linger waits until the client has timed out.
func linger(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(2 * sendTimeout):
	}
}
