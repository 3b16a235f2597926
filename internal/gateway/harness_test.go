package gateway

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/gateway/adminapi"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

const (
	serverKey = "server-key-0123456789"
	webKey    = "web-key-0123456789"

	otherWebKey = "other-web-key-0123456789"
	proofSecret = "proof-secret-0123456789"

	agentToken = "agent-token-0123456789"
	adminToken = "admin-token-0123456789"
)

// instant is where tests' time stands, in wall and virtual time.
var instant = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// secrets are those of every house.
var secrets = signedlink.MustSecrets("a secret of thirty-two bytes ...")

// house is a gateway on a real server and a database of its own.
type house struct {
	t     testing.TB
	g     *Gateway
	store *engine.Engine
	url   string
}

// newHouse opens one; change may alter the configuration. The gateway's time stands at instant.
func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	return houseOn(t, filepath.Join(t.TempDir(), "tabi.db"), change)
}

// houseOn returns a house on an empty database.
func houseOn(t testing.TB, database string, change func(*Config)) *house {
	t.Helper()
	s, err := engine.Open(context.Background(), engine.Options{URL: database, Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	cfg := Config{
		Rooms: roomsOf(s), Ping: s.Database.Ping, Secrets: secrets, LinkSecrets: secrets,
		PublicURL: "http://tabi.example.com",
		Keys: map[string]auth.Key{
			serverKey: {Kind: auth.ServerKey},
			webKey: {Kind: auth.WebKey, Events: []string{"Product Viewed"}, Traits: []string{"first_name"},
				Proofs: []string{proofSecret}},
			otherWebKey: {Kind: auth.WebKey},
		},
		Restart: func(_ context.Context, in api.RestartRequest) (api.RestartPage, error) {
			if in.Journey == "away" {
				return api.RestartPage{}, errors.New("no Temporal")
			}
			again := api.Restarted{WorkflowID: "apology/ben", Enrollment: "01X", Since: in.Since}
			return api.RestartPage{Checked: 1, Restarted: []api.Restarted{again}, Refused: []api.Restarted{}}, nil
		},
		Tests: adminapi.Tests{Recipients: []string{"@testers.example", "Kim@Example.com"}, Channels: channels,
			Start: func(context.Context, string) error { return nil }},
		Tokens: []auth.Token{{Value: agentToken, Role: access.Agent}, {Value: adminToken, Name: "Olga", Role: access.Admin}},
	}
	if change != nil {
		change(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.Now = func() time.Time { return instant }
	g.Wall = g.Now
	srv := httptest.NewServer(g.Handler())
	t.Cleanup(srv.Close)
	return &house{t: t, g: g, store: s, url: srv.URL}
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem is the error of a JSON answer.
func (a answer) problem() (code, field, message string) {
	var out struct {
		Error struct{ Code, Field, Message string } `json:"error"`
	}
	_ = json.Unmarshal([]byte(a.body), &out)
	return out.Error.Code, out.Error.Field, out.Error.Message
}

// do sends a request; header lines are "Name: value".
func (h *house) do(method, path, body string, header ...string) answer {
	h.t.Helper()
	return h.with(http.DefaultClient, method, path, strings.NewReader(body), header...)
}

func (h *house) with(client *http.Client, method, path string, body io.Reader, header ...string) answer {
	h.t.Helper()
	req, err := http.NewRequest(method, h.url+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	noRedirect := *client
	noRedirect.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := noRedirect.Do(req)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

// call posts JSON with the server key.
func (h *house) call(path, body string) answer {
	h.t.Helper()
	return h.do("POST", path, body, "Authorization: Bearer "+serverKey, "Content-Type: application/json")
}

// browser keeps cookies.
func (h *house) browser() *http.Client {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// post sends a form as a browser does.
func (h *house) post(client *http.Client, path string, form url.Values, header ...string) answer {
	h.t.Helper()
	return h.with(
		client,
		"POST",
		path,
		strings.NewReader(form.Encode()),
		append([]string{"Content-Type: application/x-www-form-urlencoded"}, header...)...)
}

// events are a customer's, newest first.
func (h *house) events(customer string) []analytics.TimelineEntry {
	h.t.Helper()
	lines, err := h.store.Analytics.Timeline(context.Background(), customer, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []analytics.TimelineEntry
	for _, l := range lines {
		if l.Kind == "event" {
			out = append(out, l)
		}
	}
	return out
}

func (h *house) customer(id string) customer.Customer {
	h.t.Helper()
	c, err := h.store.Customers.Get(context.Background(), id)
	if err != nil {
		h.t.Fatalf("customer %s: %v", id, err)
	}
	return c
}

// stored is how many events there are.
func (h *house) stored() int64 {
	h.t.Helper()
	c, err := h.store.Analytics.Counts(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return c.Events
}

// hash is the proof that a site's server gives its page for a user.
func hash(user string) string {
	mac := hmac.New(sha256.New, []byte(proofSecret))
	mac.Write([]byte(user))
	return hex.EncodeToString(mac.Sum(nil))
}

func pad(n int) string { return string(bytes.Repeat([]byte("x"), n)) }

func roomsOf(e *engine.Engine) Rooms {
	return Rooms{
		Access: e.Access, Analytics: e.Analytics, Audit: e.Audit, Catalog: e.Catalog, Customers: e.Customers, Enrollments: e.Enrollments,
		Handoffs: e.Handoffs, Erasure: e.Erasure,
		Intake: e.Intake, Intents: e.Intents, Messages: e.Messages, Offers: e.Offers, Outbox: e.Outbox,
		Rejections: e.Rejections,
	}
}
