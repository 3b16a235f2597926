package devsinks

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Text is a received text message.
type Text struct {
	ID       int       `json:"id"` // from 1, rising
	To       string    `json:"to"` // the phone number
	Text     string    `json:"text"`
	Key      string    `json:"key"` // the ledger key
	Received time.Time `json:"received"`
}

// maxText is the largest request in bytes.
const maxText = 64 << 10

// textServer accepts text messages as the channel sms posts them, signed by the Standard Webhooks spec.
type textServer struct {
	server   *http.Server
	listener net.Listener
	secret   string
	hook     *standardwebhooks.Webhook
	kept     *box[Text]
	stopped  sync.WaitGroup

	mu    sync.Mutex
	taken map[string]int // Idempotency-Key → id; each key is kept once
}

func startTexts(opts Options) (*textServer, error) {
	address := opts.SMSAddress
	if address == "" {
		address = "127.0.0.1:0"
	}
	var raw [32]byte
	_, _ = rand.Read(raw[:])
	hook, err := standardwebhooks.NewWebhookRaw(raw[:])
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	t := &textServer{
		listener: listener, hook: hook, secret: "whsec_" + base64.StdEncoding.EncodeToString(raw[:]),
		kept: newBox(func(t Text) int { return len(t.Text) }), taken: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /messages", t.take)
	t.server = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	t.stopped.Go(func() { _ = t.server.Serve(listener) })
	return t, nil
}

func (t *textServer) close() error {
	err := t.server.Close()
	t.stopped.Wait()
	return err
}

// take keeps a message once per key, and responds with its id.
func (t *textServer) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxText))
	if err != nil {
		writeJSON(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "the message is too large"})
		return
	}
	if err := t.hook.Verify(body, r.Header); err != nil {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "the signature is not by this sink's secret"})
		return
	}
	var m struct{ To, Text, Key string }
	if err := json.Unmarshal(body, &m); err != nil || m.To == "" || m.Text == "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": `the body is not {"to", "text", "key"}`})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	t.mu.Lock()
	id, again := t.taken[key]
	if key == "" || !again {
		t.kept.add(func(next int) Text {
			id = next
			return Text{ID: id, To: m.To, Text: m.Text, Key: m.Key, Received: clock.Wall()}
		})
		if len(t.taken) >= MaxKept {
			clear(t.taken)
		}
		t.taken[key] = id
	}
	t.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]string{"id": fmt.Sprintf("text-%d", id)})
}

// SMSURL returns the provider of text messages as TABI_SMS_URL takes it.
func (s *Sink) SMSURL() string { return "http://" + s.texts.listener.Addr().String() + "/messages" }

// SMSSecret returns the signing secret, as TABI_SMS_SECRET takes it. Each Start makes its own.
func (s *Sink) SMSSecret() string { return s.texts.secret }

// Texts returns the kept text messages, oldest first.
func (s *Sink) Texts() []Text { return s.texts.kept.all() }

// WaitText returns the first text message that is wanted, waiting for it until ctx ends.
func (s *Sink) WaitText(ctx context.Context, wanted func(Text) bool) (Text, error) {
	return s.texts.kept.wait(ctx, wanted)
}
