package devsinks

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Chat is a received message of LINE or WhatsApp.
type Chat struct {
	ID         int             `json:"id"`      // from 1, rising
	Channel    string          `json:"channel"` // line or whatsapp
	To         string          `json:"to"`      // the user of LINE, or the phone number
	Text       string          `json:"text,omitempty"`
	Image      string          `json:"image,omitempty"`
	Buttons    []ChatButton    `json:"buttons,omitempty"`
	Template   string          `json:"template,omitempty"`
	Language   string          `json:"language,omitempty"`
	Values     []string        `json:"values,omitempty"`
	Key        string          `json:"key"`         // of WhatsApp the ledger key; of LINE the retry key
	ProviderID string          `json:"provider_id"` // the id that the answer had
	Received   time.Time       `json:"received"`
	Raw        json.RawMessage `json:"raw"` // the request as received
}

// ChatButton is a button of a message.
type ChatButton struct {
	Title string `json:"title"`
	Link  string `json:"link,omitempty"` // what a tap opens; empty: a tap answers with the title
}

// chatServer speaks the Messaging API of LINE and the Cloud API of WhatsApp, as far as tabi uses them.
type chatServer struct {
	server        *http.Server
	listener      net.Listener
	token, secret string
	kept          *box[Chat]
	faults        *faults
	done          chan struct{}
	stopped       sync.WaitGroup
	once          sync.Once

	mu       sync.Mutex
	accepted map[string][]sentLine // retry key of LINE → what was sent; each key is accepted once
	linking  map[string]string     // link token of LINE → user
	wrote    map[string]time.Time  // number → when it last wrote to that of WhatsApp
}

type sentLine struct {
	ID string `json:"id"`
}

func startChat(opts Options) (*chatServer, error) {
	listener, err := net.Listen("tcp", cmp.Or(opts.ChatAddress, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	c := &chatServer{
		listener: listener, token: random(), secret: random(), kept: newBox(func(c Chat) int { return len(c.Raw) }), faults: newFaults(),
		done: make(chan struct{}), accepted: map[string][]sentLine{}, linking: map[string]string{},
		wrote: map[string]time.Time{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/bot/message/push", c.linePush)
	mux.HandleFunc("POST /v2/bot/user/{user}/linkToken", c.lineLinkToken)
	mux.HandleFunc("POST /{phone}/messages", c.whatsapp)
	c.server = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	c.stopped.Go(func() { _ = c.server.Serve(listener) })
	return c, nil
}

func random() string {
	var raw [24]byte
	_, _ = rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

func (c *chatServer) close() error {
	var err error
	c.once.Do(func() {
		close(c.done)
		err = c.server.Close()
		c.stopped.Wait()
	})
	return err
}

// fault carries out a fault of a stage, line or whatsapp. For Drop the message is kept by keep, since the provider has accepted it.
func (c *chatServer) fault(w http.ResponseWriter, r *http.Request, stage, to string, keep func()) bool {
	fault, found := c.faults.take(stage, to)
	if !found {
		return false
	}
	if fault.Drop {
		keep()
	}
	if fault.Hang {
		select {
		case <-c.done:
		case <-r.Context().Done():
		}
	}
	if fault.Hang || fault.Drop {
		panic(http.ErrAbortHandler)
	}
	if fault.RetryAfter != "" {
		w.Header().Set("Retry-After", fault.RetryAfter)
	}
	switch {
	case fault.Text == "" && fault.Message == "":
		http.Error(w, "a fault that the test set", fault.Code)
	case stage == "line":
		lineError(w, fault.Code, fault.Message)
	default:
		var code int
		_, _ = fmt.Sscan(fault.Text, &code)
		metaError(w, fault.Code, code, fault.Message)
	}
	return true
}

// open reads a request, and checks its access token.
func (c *chatServer) open(w http.ResponseWriter, r *http.Request, refuse func()) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2<<20))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return nil, false
	}
	if r.Header.Get("Authorization") != "Bearer "+c.token {
		refuse()
		return nil, false
	}
	return body, true
}

func lineError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("X-Line-Request-Id", uuid.NewString())
	writeJSON(w, status, map[string]any{"message": message})
}

// lineMessage is a message object of LINE, of the types that tabi sends.
type lineMessage struct {
	Type               string
	Text               string
	OriginalContentURL string `json:"originalContentUrl"`
	PreviewImageURL    string `json:"previewImageUrl"`
	AltText            string
	Contents           struct {
		Type   string
		Hero   struct{ URL string }
		Body   struct{ Contents []struct{ Type, Text string } }
		Footer struct {
			Contents []struct {
				Type   string
				Action struct{ Type, Label, URI, Text string }
			}
		}
	}
}

var lineUserID = regexp.MustCompile(`^U[0-9a-f]{32}$`)

// invalid says what LINE refuses in a message; empty: nothing.
func (m *lineMessage) invalid() string {
	length := func(s string) int { return len(utf16.Encode([]rune(s))) }
	https := func(s string) bool { return strings.HasPrefix(s, "https://") && length(s) <= 2000 }
	switch m.Type {
	case "text":
		if n := length(m.Text); n == 0 || n > 5000 {
			return "text"
		}
	case "image":
		if !https(m.OriginalContentURL) || !https(m.PreviewImageURL) {
			return "originalContentUrl"
		}
	case "flex":
		if n := length(m.AltText); n == 0 || n > 400 {
			return "altText"
		}
		if m.Contents.Type != "bubble" || m.Contents.Hero.URL != "" && !https(m.Contents.Hero.URL) {
			return "contents"
		}
		for _, b := range m.Contents.Footer.Contents {
			if n := length(b.Action.Label); n == 0 || n > 40 || b.Action.Type == "uri" && b.Action.URI == "" {
				return "contents/footer"
			}
		}
	default:
		return "type"
	}
	return ""
}

func (c *chatServer) linePush(w http.ResponseWriter, r *http.Request) {
	body, ok := c.open(w, r, func() {
		lineError(w, http.StatusUnauthorized, "Authentication failed. Confirm that the access token in the authorization header is valid.")
	})
	if !ok {
		return
	}
	var request struct {
		To       string
		Messages []lineMessage
	}
	key := r.Header.Get("X-Line-Retry-Key")
	if err := json.Unmarshal(body, &request); err != nil {
		lineError(w, http.StatusBadRequest, "The request body could not be parsed as JSON (line: 1, column: 1)")
		return
	}
	if _, err := uuid.Parse(key); key != "" && err != nil {
		lineError(w, http.StatusBadRequest, "The retry key is invalid")
		return
	}
	if !lineUserID.MatchString(request.To) {
		lineError(w, http.StatusBadRequest, "The property, 'to', in the request body is invalid (line: -, column: -)")
		return
	}
	if n := len(request.Messages); n == 0 || n > 5 {
		lineError(w, http.StatusBadRequest, "The property, 'messages', in the request body is invalid (line: -, column: -)")
		return
	}
	for i := range request.Messages {
		if wrong := request.Messages[i].invalid(); wrong != "" {
			w.Header().Set("X-Line-Request-Id", uuid.NewString())
			writeJSON(w, http.StatusBadRequest, map[string]any{
				"message": "A message (messages[" + fmt.Sprint(i) + "]) in the request body is invalid",
				"details": []any{map[string]string{"property": fmt.Sprintf("messages[%d].%s", i, wrong), "message": "is not valid"}},
			})
			return
		}
	}
	keep := func() []sentLine { return c.keepLine(request.To, key, request.Messages, body) }
	if c.fault(w, r, "line", request.To, func() { keep() }) {
		return
	}
	c.mu.Lock()
	before, again := c.accepted[key]
	c.mu.Unlock()
	w.Header().Set("X-Line-Request-Id", uuid.NewString())
	if key != "" && again {
		w.Header().Set("X-Line-Accepted-Request-Id", uuid.NewString())
		writeJSON(w, http.StatusConflict, map[string]any{"message": "The retry key is already accepted", "sentMessages": before})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"sentMessages": keep()})
}

func (c *chatServer) keepLine(to, key string, messages []lineMessage, body []byte) (sent []sentLine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, again := c.accepted[key]; key != "" && again {
		return before
	}
	chat := Chat{Channel: "line", To: to, Key: key, Received: clock.Wall(), Raw: slices.Clone(body)}
	for _, m := range messages {
		sent = append(sent, sentLine{fmt.Sprint(clock.Wall().UnixNano())})
		chat.Text, chat.Image = cmp.Or(m.Text, chat.Text), cmp.Or(m.OriginalContentURL, m.Contents.Hero.URL, chat.Image)
		for _, part := range m.Contents.Body.Contents {
			chat.Text = cmp.Or(part.Text, chat.Text)
		}
		for _, b := range m.Contents.Footer.Contents {
			chat.Buttons = append(chat.Buttons, ChatButton{Title: b.Action.Label, Link: b.Action.URI})
		}
	}
	chat.ProviderID = sent[len(sent)-1].ID
	c.kept.add(func(id int) Chat { chat.ID = id; return chat })
	if len(c.accepted) >= MaxKept {
		clear(c.accepted)
	}
	c.accepted[key] = sent
	return sent
}

// lineLinkToken issues the token by which a user of LINE links their account. Each is good once.
func (c *chatServer) lineLinkToken(w http.ResponseWriter, r *http.Request) {
	if _, ok := c.open(w, r, func() { lineError(w, http.StatusUnauthorized, "Authentication failed") }); !ok {
		return
	}
	user := r.PathValue("user")
	if !lineUserID.MatchString(user) {
		lineError(w, http.StatusBadRequest, "The value for the 'userId' parameter is invalid")
		return
	}
	token := random()
	c.mu.Lock()
	c.linking[token] = user
	c.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]string{"linkToken": token})
}

// LineURL returns the address of LINE as TABI_LINE_URL takes it.
func (s *Sink) LineURL() string { return "http://" + s.chat.listener.Addr().String() }

// WhatsAppURL returns the address of the Cloud API as TABI_WHATSAPP_URL takes it.
func (s *Sink) WhatsAppURL() string { return s.LineURL() }

// WhatsAppPhone returns the id of the number, as TABI_WHATSAPP_PHONE_ID takes it.
func (s *Sink) WhatsAppPhone() string { return whatsappPhone }

// ChatToken returns the access token of both, as TABI_LINE_TOKEN and TABI_WHATSAPP_TOKEN take it. Each Start makes its own.
func (s *Sink) ChatToken() string { return s.chat.token }

// ChatSecret returns the secret that webhooks of both are signed by, as TABI_LINE_SECRET and TABI_WHATSAPP_APP_SECRET take it.
func (s *Sink) ChatSecret() string { return s.chat.secret }

// Chats returns the kept messages of LINE and WhatsApp, oldest first.
func (s *Sink) Chats() []Chat { return s.chat.kept.all() }

// WaitChat returns the first message that is wanted, waiting for it until ctx ends.
func (s *Sink) WaitChat(ctx context.Context, wanted func(Chat) bool) (Chat, error) {
	return s.chat.kept.wait(ctx, wanted)
}

// LineLinkUser returns the user whom a link token of LINE was issued for, and uses the token up.
func (s *Sink) LineLinkUser(token string) (user string, ok bool) {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	user, ok = s.chat.linking[token]
	delete(s.chat.linking, token)
	return user, ok
}

// FailChat makes requests fail. The stage is line or whatsapp. Text is a code of Meta's, Message what the provider says; without both the
// answer is no JSON. Drop keeps the message.
func (s *Sink) FailChat(f Fault) { s.chat.faults.add(f) }

// ChatHangs gets a value when a request begins to hang.
func (s *Sink) ChatHangs() <-chan struct{} { return s.chat.faults.hung }
