package gateway

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/keyring"
)

// newCodecHouse opens a gateway that has keys, and whose Temporal UI is at https://ui.example.com.
func newCodecHouse(t *testing.T) *house {
	t.Helper()
	m, err := keyring.ParseMasters([]string{"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"})
	require.NoError(t, err)
	keys := newHouse(t, nil).store.Keyring
	keys.Use(m)
	return newHouse(t, func(c *Config) {
		c.Codec, c.TemporalUI = codec.New(keys, "shop", nil), "https://ui.example.com/namespaces/shop/workflows"
	})
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
