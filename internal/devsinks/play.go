package devsinks

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// Play is what the pages need to play the customer: to open, click, answer and opt out, and to enter journeys. Everything is sent to the
// gateway by its front door, as providers and shops send it.
type Play struct {
	Gateway string // its URL
	// Sent finds the send of a channel with a ledger key or with the sink's own id; false: it is not known.
	Sent func(ctx context.Context, channel, key, provider string) (Sent, bool)
	// Starts are the ways into the published journeys.
	Starts func() []Way
	// Run returns the page of a run in the Temporal UI; empty: there is none.
	Run func(workflowID string) string
}

// Sent is who got a message, and from where.
type Sent struct {
	Key                              string // of the ledger
	Customer, Journey, Step, Message string
	WorkflowID                       string // of its enrollment; empty: it has none
	Run                              string // its page in the Temporal UI; empty: there is none
}

// A Way is a way into a journey: an event of a customer. Without an event the journey is entered by an operator.
type Way struct {
	Journey, About, Event, Customer string
	Traits, Properties              string // JSON
}

// receiverName is the name under which the gateway accepts the reports of the sinks.
const receiverName = "dev"

// playTimeout bounds a call to the gateway.
const playTimeout = 15 * time.Second

// SetPlay makes the pages play the customer.
func (s *Sink) SetPlay(p Play) { s.play.Store(&p) }

// Receivers returns what reads the sinks' reports, for POST /v1/providers/dev. They are signed by a secret of this process.
func (s *Sink) Receivers() map[string]receiver { return map[string]receiver{receiverName: {s.secret}} }

// receiver reads reports of the sinks.
type receiver struct{ secret []byte }

const signatureHeader = "X-Tabi-Dev-Signature"

func (r receiver) sign(body []byte) string {
	mac := hmac.New(sha256.New, r.secret)
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Receive implements webhook.Receiver.
func (r receiver) Receive(req *http.Request, body []byte) (channel.Received, error) {
	if !hmac.Equal([]byte(req.Header.Get(signatureHeader)), []byte(r.sign(body))) {
		return channel.Received{}, channel.ErrSignature
	}
	var out channel.Received
	err := json.Unmarshal(body, &out.Reports)
	return out, err
}

// link is a link of a mail.
type link struct{ URL, Text string }

// links returns the links of a mail's HTML, in order, each once.
func links(source string) []link {
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		return nil
	}
	var out []link
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "a" {
			continue
		}
		for _, a := range n.Attr {
			web := strings.HasPrefix(a.Val, "https://") || strings.HasPrefix(a.Val, "http://")
			if a.Key != "href" || !web || slices.ContainsFunc(out, func(l link) bool { return l.URL == a.Val }) {
				continue
			}
			text := strings.Builder{}
			for t := range n.Descendants() {
				if t.Type == html.TextNode {
					text.WriteString(t.Data)
				}
			}
			out = append(out, link{a.Val, cmp.Or(strings.Join(strings.Fields(text.String()), " "), a.Val)})
		}
	}
	return out
}

// unsubscribe returns the address that a mail program posts to for the one click of RFC 8058; empty: the mail has none.
func (m *Mail) unsubscribe() string {
	if !strings.EqualFold(m.Headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click") {
		return ""
	}
	for part := range strings.SplitSeq(m.Headers["List-Unsubscribe"], ",") {
		part = strings.Trim(strings.TrimSpace(part), "<>")
		if strings.HasPrefix(part, "https://") || strings.HasPrefix(part, "http://") {
			return part
		}
	}
	return ""
}

// acts are the reports that the buttons send, by channel in order.
var acts = map[string][]button{
	"email":    {{"delivered", "Delivered"}, {"opened", "Opened"}, {"bounced", "Bounce"}, {"complained", "Mark as spam"}},
	"push":     {{"clicked", "Tap"}, {"delivered", "Delivered"}, {"unsubscribed", "Opt out"}},
	"web_push": {{"clicked", "Click"}, {"bounced", "Subscription ended"}, {"unsubscribed", "Opt out"}},
	"sms":      {{"delivered", "Delivered"}, {"clicked", "Follow the link"}, {"bounced", "Bounce"}, {"unsubscribed", "Opt out"}},
	"line":     {{"clicked", "Tap"}, {"read", "Read"}, {"blocked", "Block"}},
	"whatsapp": {{"delivered", "Delivered"}, {"read", "Read"}, {"unsubscribed", "Opt out"}},
}

type button struct{ Kind, Label string }

// player is the part of a page that plays the customer.
type player struct {
	Channel, Key, Back string
	Address            string
	Sent               *Sent
	Acts               []button
	Links              []link
	OneClick           string
	Said, Problem      string // what the last act did
}

// player returns the part for a message; nil: the pages only show.
func (s *Sink) player(r *http.Request, channelName, key, provider string) *player {
	play := s.play.Load()
	if play == nil || key == "" {
		return nil
	}
	p := &player{Channel: channelName, Key: key, Back: r.URL.Path, Acts: acts[channelName]}
	if r.FormValue("key") != "" { // of a list
		p.Back += "?" + url.Values{"key": {key}}.Encode()
	}
	if sent, ok := play.Sent(r.Context(), channelName, key, provider); ok {
		if sent.WorkflowID != "" && play.Run != nil {
			sent.Run = play.Run(sent.WorkflowID)
		}
		p.Sent, p.Key = &sent, cmp.Or(sent.Key, key)
	}
	if r.FormValue("of") == p.Key {
		p.Said, p.Problem = r.FormValue("said"), r.FormValue("problem")
	}
	return p
}

// act sends what the customer does with a message to the gateway, and returns to the page.
func (s *Sink) act(w http.ResponseWriter, r *http.Request) {
	if !sameSite(w, r) {
		return
	}
	key, name := r.PostFormValue("key"), r.PostFormValue("channel")
	said, err := s.perform(r, name, key)
	s.back(w, r, url.Values{"of": {key}}, said, err)
}

// sameSite refuses forms of other sites: dev asks nobody who they are.
func sameSite(w http.ResponseWriter, r *http.Request) bool {
	if from := r.Header.Get("Sec-Fetch-Site"); from != "" && from != "same-origin" {
		http.Error(w, "This form belongs to another site.", http.StatusForbidden)
		return false
	}
	return true
}

// back returns to the page that a form was on, with what it did.
func (s *Sink) back(w http.ResponseWriter, r *http.Request, q url.Values, said string, err error) {
	if said != "" {
		q.Set("said", said)
	}
	if err != nil {
		q.Set("problem", err.Error())
	}
	path, query, _ := strings.Cut(r.PostFormValue("back"), "?")
	if !strings.HasPrefix(path, "/dev/") {
		path, query = "/dev/play", ""
	}
	if before, err := url.ParseQuery(query); err == nil {
		maps.Copy(q, before)
	}
	http.Redirect(w, r, path+"?"+q.Encode(), http.StatusSeeOther)
}

func (s *Sink) perform(r *http.Request, name, key string) (string, error) {
	if address := r.PostFormValue("one_click"); address != "" {
		return "unsubscribed by one click", s.post(r.Context(), address, "application/x-www-form-urlencoded",
			[]byte("List-Unsubscribe=One-Click"), nil, nil)
	}
	report := channel.Report{
		Kind: channel.ReportKind(r.PostFormValue("kind")), Channel: name, Key: key, URL: r.PostFormValue("url"),
		Text: strings.TrimSpace(r.PostFormValue("text")),
	}
	switch {
	case report.Kind == "":
		report.Kind = channel.Replied
		if report.Text == "" {
			return "", errors.New("there is no text to reply with")
		}
		for _, chat := range s.Chats() {
			if name == "whatsapp" && chat.Key == key {
				report.Address = chat.To
				s.WhatsAppWrote(chat.To, clock.Wall())
			}
		}
	case report.Kind == channel.Bounced:
		report.Class, report.Reason = channel.Hard, "550 5.1.1 no such address (from the sinks of dev)"
	}
	body, err := json.Marshal([]channel.Report{report})
	if err != nil {
		return "", err
	}
	var out struct {
		Accepted int
		Ignored  []struct{ Reason string }
		Rejected []struct{ Message string }
	}
	header := http.Header{signatureHeader: {receiver{s.secret}.sign(body)}}
	if err := s.post(r.Context(), "/v1/providers/"+receiverName, "application/json", body, header, &out); err != nil {
		return "", err
	}
	switch {
	case out.Accepted > 0:
		return "reported: " + string(report.Kind), nil
	case len(out.Rejected) > 0:
		return "", errors.New("refused: " + out.Rejected[0].Message)
	case len(out.Ignored) > 0:
		return "", errors.New("ignored: " + out.Ignored[0].Reason)
	}
	return "", errors.New("the gateway took nothing")
}

// post calls the gateway, at a path or a whole address.
func (s *Sink) post(ctx context.Context, address, kind string, body []byte, header http.Header, out any) error {
	play := s.play.Load()
	if play == nil {
		return errors.New("the gateway is not there yet")
	}
	if strings.HasPrefix(address, "/") {
		address = play.Gateway + address
	}
	ctx, cancel := context.WithTimeout(ctx, playTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		var refused struct{ Error struct{ Message string } }
		_ = json.Unmarshal(data, &refused)
		return fmt.Errorf("the gateway answered %d: %s", res.StatusCode, cmp.Or(refused.Error.Message, http.StatusText(res.StatusCode)))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// startPage shows the ways into the journeys.
func (s *Sink) startPage(w http.ResponseWriter, r *http.Request) {
	var starts []Way
	if play := s.play.Load(); play != nil {
		starts = play.Starts()
	}
	render(w, "play.html", struct {
		Page, Said, Problem, Customer, Of string
		Starts                            []Way
	}{"play", r.FormValue("said"), r.FormValue("problem"), r.FormValue("customer"), r.FormValue("of"), starts})
}

// begin identifies a customer and sends the event by which they enter a journey, as a shop does.
func (s *Sink) begin(w http.ResponseWriter, r *http.Request) {
	if !sameSite(w, r) {
		return
	}
	customer := strings.TrimSpace(r.PostFormValue("customer"))
	said, err := s.enter(r, customer)
	s.back(w, r, url.Values{"of": {r.PostFormValue("journey")}, "customer": {customer}}, said, err)
}

func (s *Sink) enter(r *http.Request, customer string) (string, error) {
	if customer == "" {
		return "", errors.New("the customer has no id")
	}
	var fields [2]map[string]any
	for i, name := range []string{"traits", "properties"} {
		if text := strings.TrimSpace(r.PostFormValue(name)); text != "" {
			if err := json.Unmarshal([]byte(text), &fields[i]); err != nil {
				return "", fmt.Errorf("%s is no JSON object: %w", name, err)
			}
		}
	}
	call := func(path string, in, out any) error {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		return s.post(r.Context(), path, "application/json", body, nil, out)
	}
	if len(fields[0]) > 0 {
		if err := call("/v1/identify", map[string]any{"userId": customer, "traits": fields[0]}, nil); err != nil {
			return "", err
		}
	}
	event, journey := strings.TrimSpace(r.PostFormValue("event")), r.PostFormValue("journey")
	if event == "" {
		in := map[string]any{"journey": journey, "customer": customer}
		if len(fields[1]) > 0 {
			in["properties"] = fields[1]
		}
		if err := call("/v1/admin/enrollments", in, nil); err != nil {
			return "", err
		}
		return "entered " + journey, nil
	}
	var out struct {
		Receipts []struct {
			Entered     []string          `json:"entered"`
			Refused     map[string]string `json:"refused"`
			DeliveredTo []string          `json:"delivered_to"`
		} `json:"receipts"`
	}
	if err := call("/v1/track", map[string]any{"userId": customer, "event": event, "properties": fields[1]}, &out); err != nil {
		return "", err
	}
	said := "accepted"
	for _, one := range out.Receipts {
		if len(one.Entered) > 0 {
			said = "entered " + strings.Join(one.Entered, ", ")
		}
		if n := len(one.DeliveredTo); n > 0 {
			said += fmt.Sprintf("; delivered to %d running enrollments", n)
		}
	}
	return said, nil
}
