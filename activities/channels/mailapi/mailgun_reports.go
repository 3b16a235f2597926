package mailapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// mailgunWindow is how old a request may be: Mailgun repeats one for 8 hours.
const mailgunWindow = 9 * time.Hour

// mailgunCall is a request of Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
type mailgunCall struct {
	Signature struct{ Timestamp, Token, Signature string }
	Event     mailgunEvent `json:"event-data"`
}

type mailgunEvent struct {
	ID, Event, Severity, Reason, Recipient, URL string
	Timestamp                                   float64
	Variables                                   json.RawMessage `json:"user-variables"`
	Message                                     struct {
		Headers struct {
			ID string `json:"message-id"`
		}
	}
	Status struct {
		Code                 json.Number
		Message, Description string
		Enhanced             string `json:"enhanced-code"`
	} `json:"delivery-status"`
	Client struct{ Bot string } `json:"client-info"`
}

func mailgunReceiver(env provider.Env) (webhook.Receiver, error) {
	key := env.Keys[mailgunWebhook]
	if len(key) < 16 {
		return nil, provider.Wrong(mailgunWebhook, "is too short for the HTTP webhook signing key of Mailgun")
	}
	used := tokens{bodies: map[string][sha256.Size]byte{}}
	return provider.Receive(func(_ *http.Request, body []byte) (channel.Received, error) {
		var c mailgunCall
		if err := provider.Decode(body, &c); err != nil {
			return channel.Received{}, err
		}
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(c.Signature.Timestamp + c.Signature.Token))
		if c.Signature.Token == "" || !provider.Same(hex.EncodeToString(mac.Sum(nil)), c.Signature.Signature) {
			return channel.Received{}, channel.ErrSignature
		}
		seconds, err := strconv.ParseInt(c.Signature.Timestamp, 10, 64)
		if err != nil {
			return channel.Received{}, channel.ErrSignature
		}
		if err := provider.Within(time.Unix(seconds, 0), env.Now(), mailgunWindow); err != nil {
			return channel.Received{}, err
		}
		content, err := json.Marshal(c.Event)
		if err != nil || !used.once(c.Signature.Token, content) {
			return channel.Received{}, fmt.Errorf("%w: its token was used for another report", channel.ErrSignature)
		}
		return c.Event.received(), nil
	}), nil
}

// tokens remembers what each token came with. Mailgun's signature does not cover the report: whoever sees a request could
// sign another report by its token.
type tokens struct {
	mu     sync.Mutex
	bodies map[string][sha256.Size]byte
	order  []string
}

// maxTokens is how many tokens are remembered, the latest ones.
const maxTokens = 50_000

// once reports whether a token is new, or came with the same report before.
func (t *tokens) once(token string, report []byte) bool {
	sum := sha256.Sum256(report)
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, known := t.bodies[token]; known {
		return before == sum
	}
	if len(t.order) >= maxTokens {
		delete(t.bodies, t.order[0])
		t.order = t.order[1:]
	}
	t.bodies[token], t.order = sum, append(t.order, token)
	return true
}

// mailgunSuppressed are the reasons of failures that Mailgun has by an earlier report.
var mailgunSuppressed = map[string]channel.ReportKind{
	"suppress-bounce": channel.Bounced, "suppress-unsubscribe": channel.Unsubscribed, "suppress-complaint": channel.Complained,
}

func (e *mailgunEvent) received() channel.Received {
	var variables map[string]any
	_ = json.Unmarshal(e.Variables, &variables) // an empty list where there are none
	key, _ := variables[metadataKey].(string)
	r := channel.Report{
		Channel: email, Key: key, ProviderID: e.Message.Headers.ID, Address: e.Recipient, At: provider.Seconds(e.Timestamp),
		Machine: e.Client.Bot != "",
	}
	if e.ID != "" {
		r.ID = "mailgun/" + e.ID
	}
	switch e.Event {
	case "delivered":
		r.Kind = channel.Delivered
	case "opened":
		r.Kind = channel.Opened
	case "clicked":
		r.Kind, r.URL = channel.Clicked, e.URL
	case "unsubscribed":
		r.Kind = channel.Unsubscribed
	case "complained":
		r.Kind = channel.Complained
	case "rejected":
		r.Kind, r.Reason = channel.Failed, e.Reason
	case "failed":
		if e.Severity == "temporary" {
			return provider.Ignore("a delay: Mailgun tries again")
		}
		r.Kind, r.Reason = channel.Bounced, e.words()
		if by, known := mailgunSuppressed[e.Reason]; known {
			r.Kind = by
		}
		if r.Kind == channel.Bounced {
			if r.Class = provider.Class("bounce", r.Reason); e.Reason == "suppress-bounce" {
				r.Class = channel.Hard
			}
		}
	case "accepted", "stored":
		return provider.Ignore("the mail was accepted, which is known")
	default:
		return provider.Ignore(provider.Unknown(e.Event))
	}
	return channel.Received{Reports: []channel.Report{r}}
}

// words returns why a mail failed.
func (e *mailgunEvent) words() string {
	said := e.Status.Message
	if said == "" {
		said = e.Status.Description
	}
	return strings.Join(strings.Fields(e.Status.Code.String()+" "+e.Status.Enhanced+" "+said), " ")
}
