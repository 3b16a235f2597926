package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

const admin = "Authorization: Bearer " + adminToken

// issue creates a key as an admin does.
func (h *house) issue(body string) api.IssuedKey {
	h.t.Helper()
	got := h.do("POST", "/v1/admin/keys", body, admin, "Content-Type: application/json")
	var out api.IssuedKey
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK {
		h.t.Fatalf("%d %s %v", got.status, got.body, err)
	}
	return out
}

// as posts JSON with a key.
func (h *house) as(secret, path, body string) answer {
	h.t.Helper()
	return h.do("POST", path, body, "Authorization: Bearer "+secret, "Content-Type: application/json")
}

// A key of the store does what its kind and scope allow, also on a gateway that was configured without any.
func TestStoredKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Keys = nil })
	const event = `{"userId":"ana","event":"Product Viewed"}`
	if got := h.do("POST", "/v1/track", event); got.status != http.StatusUnauthorized {
		t.Errorf("a gateway without keys is open: %d", got.status)
	}
	server := h.issue(`{"name":"shop","kind":"server"}`)
	reports := h.issue(`{"name":"mail provider","kind":"server","routes":["mail"]}`)
	web := h.issue(`{"name":"site","kind":"web","events":["Product Viewed"],"traits":["first_name"]}`)
	reader := h.issue(`{"name":"dashboard","kind":"token","role":"reader"}`)
	for _, c := range []struct {
		name, secret, path, body string
		status                   int
	}{
		{"server tracks", server.Secret, "/v1/track", event, 200},
		{"server reports mail", server.Secret, "/v1/mail/events", `[]`, 200},
		{"mail key reports mail", reports.Secret, "/v1/mail/events", `[]`, 200},
		{"mail key hands a mail over", reports.Secret, "/v1/mail/bounces", "Subject: Automatic reply\n\nAway\n", 200},
		{"mail key tracks", reports.Secret, "/v1/track", event, 403},
		{"mail key makes a user token", reports.Secret, "/v1/inbox/ana/token", ``, 403},
		{"mail key decides", reports.Secret, "/v1/decide", `{"userId":"ana","group":"x"}`, 403},
		{"web tracks what is listed", web.Secret, "/v1/track", `{"anonymousId":"b","event":"Product Viewed"}`, 200},
		{"web tracks what is not", web.Secret, "/v1/track", `{"anonymousId":"b","event":"Order Completed"}`, 403},
		{"a token tracks", reader.Secret, "/v1/track", event, 401},
		{"a proof tracks", web.Proof, "/v1/track", event, 401},
		{"a key that is not there", server.Secret[:len(server.Secret)-1] + "0", "/v1/track", event, 401},
		{"a reader creates keys", reader.Secret, "/v1/admin/keys", `{"name":"x","kind":"server"}`, 403},
		{"a server key creates keys", server.Secret, "/v1/admin/keys", `{"name":"x","kind":"server"}`, 401},
	} {
		if got := h.as(c.secret, c.path, c.body); got.status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, got.status, got.body, c.status)
		}
	}
	if got := h.do("GET", "/v1/admin/counts", "", "Authorization: Bearer "+reader.Secret); got.status != http.StatusOK {
		t.Errorf("a reader's token: %d %s", got.status, got.body)
	}
	list := h.do("GET", "/v1/admin/keys", "", admin)
	for _, secret := range []string{server.Secret, web.Proof, reader.Secret} {
		if strings.Contains(list.body, secret) {
			t.Error("the list shows a secret")
		}
	}
	if strings.Count(list.body, `"used_at"`) != 4 || !strings.Contains(list.body, `"created_by":"Olga"`) {
		t.Errorf("the list says not who made the keys, or which are used: %s", list.body)
	}
	for body, status := range map[string]int{
		`{"name":"shop","kind":"server"}`: 409, `{"name":"y","kind":"root"}`: 400, `{"name":"y","kind":"web"}`: 400,
		`{"name":"y","kind":"web","traits":["email"]}`: 400, `{"name":"y","kind":"web","events":["Unsubscribed"]}`: 400,
		`{"name":"y","kind":"token","role":"root"}`: 400, `{"name":"","kind":"server"}`: 400,
		`{"name":"y","kind":"server","routes":["x"]}`: 400,
	} {
		if got := h.do("POST", "/v1/admin/keys", body, admin, "Content-Type: application/json"); got.status != status {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

// Two keys are valid at once while one is rotated; a revoked one ends at once here, and within KeysFresh in another process.
func TestKeysAreRotatedAndRevoked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	now := instant
	h.g.Wall = func() time.Time { return now }
	// Another process on the same database.
	other, err := New(h.g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	other.Wall = h.g.Wall
	at := func(g *Gateway, secret string) int {
		return serve(g, "POST", "/v1/track", `{"userId":"ana","event":"X"}`, "Authorization", "Bearer "+secret)
	}
	first := h.issue(`{"name":"shop","kind":"server"}`)
	got := h.do("POST", "/v1/admin/keys/shop/rotate", `{"overlap":3600}`, admin, "Content-Type: application/json")
	var rotated api.RotatedKey
	if err := json.Unmarshal([]byte(got.body), &rotated); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %s %v", got.status, got.body, err)
	}
	if ends := rotated.Old.ExpiresAt; ends == nil || !ends.Equal(now.Add(time.Hour)) {
		t.Errorf("the old key ends at %v", ends)
	}
	second := rotated.New
	for _, g := range []*Gateway{h.g, other} {
		if a, b := at(g, first.Secret), at(g, second.Secret); a != 200 || b != 200 {
			t.Errorf("while it is rotated: %d %d", a, b)
		}
	}
	now = now.Add(time.Hour)
	if a, b := at(h.g, first.Secret), at(h.g, second.Secret); a != 401 || b != 200 {
		t.Errorf("after the end of the old key: %d %d", a, b)
	}
	if got := at(other, second.Secret); got != 200 {
		t.Errorf("elsewhere: %d", got)
	}
	if got := h.do("POST", "/v1/admin/keys/"+second.Key.ID+"/revoke", "", admin); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := at(h.g, second.Secret); got != 401 {
		t.Errorf("here after the revocation: %d", got)
	}
	now = now.Add(auth.KeysFresh)
	if got := at(other, second.Secret); got != 401 {
		t.Errorf("elsewhere after %s: %d", auth.KeysFresh, got)
	}
	if got := h.do("POST", "/v1/admin/keys/shop/revoke", "", admin); got.status != 404 {
		t.Errorf("revoked twice: %d", got.status)
	}
}

// brokenKeys cannot read keys while broken is set, and counts what is read and written.
type brokenKeys struct {
	AccessRoom
	broken       bool
	reads, notes int
}

func (b *brokenKeys) LiveKeys(ctx context.Context, now time.Time) ([]access.StoredKey, error) {
	b.reads++
	if b.broken {
		return nil, errors.New("no database")
	}
	return b.AccessRoom.LiveKeys(ctx, now)
}

func (b *brokenKeys) UseKey(ctx context.Context, now time.Time, id string) error {
	b.notes++
	return b.AccessRoom.UseKey(ctx, now, id)
}

// Calls cost no statement: keys are read once in KeysFresh, and a use is written once a minute. A caller whose key cannot be looked up
// is told to try again, and not that the key is wrong: clients drop events on 401.
func TestKeysThatCannotBeRead(t *testing.T) {
	t.Parallel()
	room := &brokenKeys{}
	h := newHouse(t, func(c *Config) {
		room.AccessRoom = c.Rooms.Access
		c.Rooms.Access = room
	})
	now := instant
	h.g.Wall = func() time.Time { return now }
	key := h.issue(`{"name":"shop","kind":"server"}`)
	token := h.issue(`{"name":"dashboard","kind":"token","role":"reader"}`)
	room.reads, room.notes = 0, 0
	for range 20 {
		if got := h.as(key.Secret, "/v1/track", `{"userId":"ana","event":"X"}`); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		now = now.Add(time.Second)
	}
	if room.reads != 4 || room.notes != 1 {
		t.Errorf("20 calls in 20 seconds read the keys %d times, and wrote %d uses", room.reads, room.notes)
	}
	now, room.broken = now.Add(auth.KeysFresh), true
	if got := h.as(key.Secret, "/v1/track", `{"userId":"ana","event":"X"}`); got.status != http.StatusServiceUnavailable {
		t.Errorf("a write key: %d %s", got.status, got.body)
	}
	for _, path := range []string{"/v1/admin/counts", "/journeys"} {
		if got := h.do("GET", path, "", "Authorization: Bearer "+token.Secret); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := h.call("/v1/track", `{"userId":"ana","event":"X"}`); got.status != 200 {
		t.Errorf("a key of the configuration needs no store: %d", got.status)
	}
}

// A gateway without tokens does not ask for one while its store is away: nobody could know whether it has some.
func TestOpenGatewayWithoutStore(t *testing.T) {
	t.Parallel()
	room := &brokenKeys{}
	h := newHouse(t, func(c *Config) {
		room.AccessRoom = c.Rooms.Access
		c.Rooms.Access, c.Keys, c.Tokens, c.Insecure = room, nil, nil, true
	})
	now := instant
	h.g.Wall = func() time.Time { return now }
	for _, broken := range []bool{false, true} {
		want := map[bool]int{false: http.StatusOK, true: http.StatusServiceUnavailable}[broken]
		room.broken, now = broken, now.Add(2*auth.KeysFresh)
		for _, path := range []string{"/v1/admin/counts", "/journeys"} {
			if got := h.do("GET", path, ""); got.status != want {
				t.Errorf("broken is %t: %s: %d", broken, path, got.status)
			}
		}
	}
}

// A web key's proofs are valid for both keys while it is rotated, and its message ids stay in one space.
func TestWebKeyIsRotatedWithItsProof(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.issue(`{"name":"site","kind":"web","events":["Product Viewed"]}`)
	got := h.do("POST", "/v1/admin/keys/site/rotate", `{"overlap":60}`, admin, "Content-Type: application/json")
	var rotated api.RotatedKey
	if err := json.Unmarshal([]byte(got.body), &rotated); err != nil || rotated.New.Proof == "" || rotated.New.Proof == first.Proof {
		t.Fatalf("%s %v", got.body, err)
	}
	for _, secret := range []string{first.Secret, rotated.New.Secret} {
		req, err := http.NewRequest(http.MethodPost, "/v1/track", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+secret)
		key, problem := h.g.auth.WriteKey(req, nil)
		if problem != nil || len(key.Proofs) != 2 || key.Proofs[0] != first.Proof || key.Proofs[1] != rotated.New.Proof ||
			key.Space != first.Key.ID {
			t.Errorf("%+v %v", key, problem)
		}
	}
}

// A mail that was sent under the old secret unsubscribes after it was replaced, also when it has left the list that seals.
func TestUnsubscribeAfterSecretsRotate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	link := strings.TrimPrefix(h.g.auth.Links.Unsubscribe(unsubscribeMail), "http://tabi.example.com")
	user := h.g.auth.Links.UserToken("ana", instant.Add(time.Hour))
	for name, c := range map[string]struct {
		secrets, links []string
		link, user     int
	}{
		"another secret":              {[]string{newSecret}, []string{newSecret}, 404, 401},
		"a new one in front":          {[]string{newSecret, oldSecret}, []string{newSecret, oldSecret}, 200, 200},
		"the old one opens links":     {[]string{newSecret}, []string{thirdSecret, oldSecret}, 200, 401},
		"links have their own secret": {[]string{newSecret}, []string{thirdSecret}, 404, 401},
	} {
		cfg := h.g.cfg
		cfg.Secrets, cfg.LinkSecrets = mustSecrets(c.secrets...), mustSecrets(c.links...)
		g, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		g.Wall = h.g.Wall
		if got := serve(g, "GET", link, ""); got != c.link {
			t.Errorf("%s: the link answers %d, want %d", name, got, c.link)
		}
		if got := serve(g, "POST", link, "List-Unsubscribe=One-Click", "Content-Type", "application/x-www-form-urlencoded"); got != c.link {
			t.Errorf("%s: one click answers %d, want %d", name, got, c.link)
		}
		if got := serve(g, "GET", "/v1/inbox/ana", "", "Authorization", "Bearer "+user); got != c.user {
			t.Errorf("%s: the user token answers %d, want %d", name, got, c.user)
		}
	}
}

const (
	oldSecret   = "a secret of thirty-two bytes ..."
	newSecret   = "another one of thirty-two bytes."
	thirdSecret = "the third of these secrets here."
)

var (
	mustSecrets     = signedlink.MustSecrets
	unsubscribeMail = signedlink.Mail{Customer: "ana", Journey: "apology", Step: "note", Message: "sorry", Key: "x"}
)

// serve sends a request to a gateway without a server, and returns the status; header has names and values.
func serve(g *Gateway, method, path, body string, header ...string) int {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	g.Handler().ServeHTTP(rec, req)
	return rec.Code
}
