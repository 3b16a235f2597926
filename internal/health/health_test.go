package health_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/health"
)

// Where gateway and worker share an environment with the gateway's certificate, the worker is still asked without TLS.
func TestHealthOfAWorker(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ready\n")) }))
	defer server.Close()
	t.Setenv("TABI_TLS_CERT", "/etc/tabi/tls.crt")
	t.Setenv("TABI_METRICS_LISTEN", strings.TrimPrefix(server.URL, "http://"))
	var out bytes.Buffer
	c := health.Command("TABI_METRICS_LISTEN", "127.0.0.1:9090", "TABI_METRICS_TLS_CERT")
	c.SetArgs(nil)
	c.SetOut(&out)
	if err := c.Execute(); err != nil || !strings.Contains(out.String(), "ready") {
		t.Errorf("%v: %s", err, &out)
	}
}
