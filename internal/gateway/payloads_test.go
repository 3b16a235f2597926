package gateway

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/keyring"
)

// newCodecHouse opens a gateway that has keys, and whose Temporal UI is at https://ui.example.com.
func newCodecHouse(t *testing.T) *house {
	t.Helper()
	return newCodecHouseOf(t, "https://ui.example.com/namespaces/shop/workflows")
}

func newCodecHouseOf(t *testing.T, uis string) *house {
	t.Helper()
	m, err := keyring.ParseMasters([]string{"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"})
	require.NoError(t, err)
	source := newHouse(t, nil)
	for _, id := range []string{"ana", "ben", "cleo", "dan"} { // only who exists has a key
		require.Equal(t, 200, source.call("/v1/identify", `{"userId":"`+id+`"}`).status)
	}
	keys := source.store.Keyring
	keys.Use(m)
	h := newHouse(t, func(c *Config) {
		c.Codec, c.TemporalUI = codec.New(keys, "shop", nil), uis
	})
	h.store.Keyring = keys // for sealed
	return h
}

// sealed returns the body of a request to decrypt a text of each customer; an empty id is nobody's text.
func (h *house) sealed(text string, customers ...string) string {
	h.t.Helper()
	plain, err := converter.GetDefaultDataConverter().ToPayload(text)
	require.NoError(h.t, err)
	var all commonpb.Payloads
	for _, customer := range customers {
		keys := oneKey{h.store.Keyring, customer}
		of := codec.New(keys, "shop", nil).WithSerializationContext(converter.WorkflowSerializationContext{WorkflowID: "run"})
		got, err := of.Encode([]*commonpb.Payload{plain})
		require.NoError(h.t, err)
		all.Payloads = append(all.Payloads, got...)
	}
	body, err := protojson.Marshal(&all)
	require.NoError(h.t, err)
	return string(body)
}

// oneKey is a key store in which every workflow is an enrollment of one customer.
type oneKey struct {
	*keyring.Room
	customer string
}

func (k oneKey) ForWorkflow(ctx context.Context, _ string) (*keyring.Key, error) {
	if k.customer == "" {
		return k.Shared(ctx)
	}
	return k.ForCustomer(ctx, k.customer)
}

// texts returns the texts of an answer of the codec server.
func (a answer) texts(t *testing.T) (out []string) {
	t.Helper()
	var all commonpb.Payloads
	require.NoError(t, protojson.Unmarshal([]byte(a.body), &all), a.body)
	for _, p := range all.GetPayloads() {
		var text string
		require.NoError(t, converter.GetDefaultDataConverter().FromPayload(p, &text))
		out = append(out, text)
	}
	return out
}

const hello = `{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"ImhlbGxvIg=="}]}` // "hello" as json/plain

func TestCodecServerEncryptsAndDecrypts(t *testing.T) {
	t.Parallel()
	h := newCodecHouse(t)
	admin := "Authorization: Bearer " + adminToken
	sealed := h.do("POST", "/v1/codec/encode", hello, admin, "X-Namespace: shop")
	require.Equal(t, 200, sealed.status, sealed.body)
	require.NotContains(t, sealed.body, "ImhlbGxvIg==")
	opened := h.do("POST", "/v1/codec/decode", sealed.body, admin, "X-Namespace: shop")
	require.Equal(t, 200, opened.status, opened.body)
	require.JSONEq(t, hello, opened.body)

	require.Equal(t, 404, h.do("POST", "/v1/codec/decode", sealed.body, admin, "X-Namespace: other").status)
	require.Equal(t, 400, h.do("POST", "/v1/codec/decode", `{"payloads":7}`, admin).status)
	many := `{"payloads":[` + strings.Repeat(`{},`, 1000) + `{}]}`
	require.Equal(t, 413, h.do("POST", "/v1/codec/decode", many, admin).status)
	require.Equal(t, 413, h.do("POST", "/v1/codec/decode", `{"payloads":[{"data":"`+strings.Repeat("A", 16<<20)+`"}]}`, admin).status)
	require.Equal(t, 403, h.do("POST", "/v1/codec/decode", hello, "Authorization: Bearer "+agentToken).status)
	require.Equal(t, 404, newHouse(t, nil).do("POST", "/v1/codec/decode", hello, admin).status, "nothing is encrypted")
}

func TestCodecServerServesPagesOfTheTemporalUIOnly(t *testing.T) {
	t.Parallel()
	h := newCodecHouse(t)
	preflight := h.do("OPTIONS", "/v1/codec/decode", "", "Origin: https://ui.example.com", "Access-Control-Request-Method: POST",
		"Access-Control-Request-Headers: x-namespace,content-type")
	require.Equal(t, 204, preflight.status)
	require.Equal(t, "https://ui.example.com", preflight.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", preflight.header.Get("Access-Control-Allow-Credentials"))
	require.Contains(t, preflight.header.Get("Access-Control-Allow-Headers"), "X-Namespace")
	for _, origin := range []string{"https://evil.example", "null", "https://ui.example.com.evil.example", "http://ui.example.com"} {
		got := h.do("OPTIONS", "/v1/codec/decode", "", "Origin: "+origin, "Access-Control-Request-Method: POST")
		require.Empty(t, got.header.Get("Access-Control-Allow-Origin"), origin)
	}

	browser := h.browser()
	require.Equal(t, 303, h.post(browser, "/login", url.Values{"token": {adminToken}, "name": {"Olga"}}).status)
	post := func(header ...string) int {
		return h.with(browser, "POST", "/v1/codec/encode", strings.NewReader(hello), header...).status
	}
	require.Equal(t, 200, post("Origin: https://ui.example.com"))
	require.Equal(t, 403, post("Origin: https://evil.example"))
	require.Equal(t, 403, post("Origin: null"))
	require.Equal(t, 403, post())
}

// A Temporal UI on this machine may be opened by each name of it, and there may be several UIs.
func TestCodecServerServesEachTemporalUI(t *testing.T) {
	t.Parallel()
	h := newCodecHouseOf(t, "https://UI.example.com:443/namespaces/shop/workflows, http://127.0.0.1:8233/namespaces/shop/workflows")
	for origin, served := range map[string]bool{
		"https://ui.example.com": true, "http://localhost:8233": true, "http://127.0.0.1:8233": true, "http://[::1]:8233": true,
		"http://localhost:8234": false, "https://localhost:8233": false, "http://127.0.0.1.example.com:8233": false, "null": false,
		"http://ui.example.com": false, "https://ui.example.com:444": false, "": false, "*": false,
	} {
		got := h.do("OPTIONS", "/v1/codec/decode", "", "Origin: "+origin, "Access-Control-Request-Method: POST")
		want := ""
		if served {
			want = origin
		}
		require.Equal(t, want, got.header.Get("Access-Control-Allow-Origin"), origin)
		require.Contains(t, got.header.Values("Vary"), "Origin")
	}
	require.Contains(t, h.do("GET", "/", "", "Authorization: Bearer "+adminToken).body,
		`<a href="https://UI.example.com:443/namespaces/shop/workflows">Temporal UI</a>`)
	for _, uis := range []string{"ui.example.com", "https://*.example.com", "ftp://ui.example.com", "https://ui.example.com,/ui"} {
		require.ErrorContains(t, Config{TemporalUI: uis}.check(), "is not an address of a Temporal UI", uis)
	}
}

// Who may not decrypt reads why in the Temporal UI, which shows no errors of a codec server. Programs get errors.
func TestCodecServerSaysWhyInThePage(t *testing.T) {
	t.Parallel()
	h := newCodecHouse(t)
	body := h.sealed("canary", "ana", "")
	const origin = "Origin: https://ui.example.com"
	says := func(got answer, words string) {
		t.Helper()
		require.Equal(t, 200, got.status, got.body)
		require.Equal(t, "https://ui.example.com", got.header.Get("Access-Control-Allow-Origin"))
		for _, text := range got.texts(t) {
			require.Contains(t, text, words)
		}
	}
	says(h.do("POST", "/v1/codec/decode", body, origin), "you are not signed in. Sign in at http://tabi.example.com/login")
	says(h.do("POST", "/v1/codec/decode", body, origin, "Authorization: Bearer token-of-the-identity-provider"), "you are not signed in")
	require.JSONEq(t, hello, h.do("POST", "/v1/codec/decode", hello, origin).body, "what is in clear stays so")
	require.Equal(t, 401, h.do("POST", "/v1/codec/decode", "{", origin).status)
	require.Equal(t, 401, h.do("POST", "/v1/codec/decode", body).status)
	require.Equal(t, 401, h.do("POST", "/v1/codec/decode", body, "Origin: https://evil.example").status)

	lea := h.browser()
	require.Equal(t, 303, h.post(lea, "/login", url.Values{"token": {agentToken}, "name": {"Lea"}}).status)
	for range 5 {
		says(h.with(lea, "POST", "/v1/codec/decode", strings.NewReader(body), origin), "lacks the permission payloads.decode")
	}
	olga := h.browser()
	require.Equal(t, 303, h.post(olga, "/login", url.Values{"token": {adminToken}, "name": {"Olga"}}).status)
	says(h.with(olga, "POST", "/v1/codec/decode", strings.NewReader(body), origin, "X-Namespace: other"), "no keys for that namespace")
	says(h.with(olga, "POST", "/v1/codec/decode", strings.NewReader(body), origin, "X-Namespace: shop"), "canary")
	says(h.with(olga, "POST", "/v1/codec/decode", strings.NewReader(body), origin, "Authorization: Bearer of-the-provider"), "canary")
	require.Equal(t, 400, h.with(olga, "POST", "/v1/codec/decode", strings.NewReader("{"), origin).status)
	require.Equal(t, []string{
		" () payload.decrypt refused: unauthorized",
		"Lea (agent) session.sign_in ok",
		"Lea (agent) payload.decrypt refused: forbidden",
		"Olga (admin) session.sign_in ok",
		"Olga (admin) payload.decrypt refused: not_found",
		"Olga (admin) payload.decrypt ok, on ana",
		"Olga (admin) payload.decrypt refused: bad_request",
	}, h.audited())
}

// To decrypt is to look at each customer whose key is used: recorded once for many payloads, whoever else is in the request.
func TestDecryptingIsALookAtEachCustomer(t *testing.T) {
	t.Parallel()
	h := newCodecHouse(t)
	decode := func(customers ...string) {
		t.Helper()
		got := h.do("POST", "/v1/codec/decode", h.sealed("canary", customers...), "Authorization: Bearer "+adminToken)
		require.Equal(t, 200, got.status, got.body)
	}
	h.do("POST", "/v1/codec/decode", hello, "Authorization: Bearer "+adminToken)
	decode("ana", "ana", "ana")
	decode("ana", "ben", "", "cleo")
	decode("ben", "cleo", "dan")
	decode("")
	decode("", "")
	require.Equal(t, []string{
		"Olga (admin) payload.decrypt ok, on ana",
		"Olga (admin) payload.decrypt ok, on ben",
		"Olga (admin) payload.decrypt ok, on cleo",
		"Olga (admin) payload.decrypt ok, on dan",
		"Olga (admin) payload.decrypt ok",
	}, h.audited())
}
