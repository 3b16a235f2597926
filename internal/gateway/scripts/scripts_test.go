package scripts_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/gateway/scripts"
)

func TestScripts(t *testing.T) {
	t.Parallel()
	get := func(h http.HandlerFunc) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h(w, httptest.NewRequest(http.MethodGet, "/web-push/page.js", nil))
		return w
	}
	s := scripts.New("BPublicKey")
	for want, h := range map[string]http.HandlerFunc{"'BPublicKey'": s.Page, "showNotification": s.Worker} {
		w := get(h)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) || strings.Contains(w.Body.String(), "WEB_PUSH_KEY") ||
			!strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
			t.Errorf("got %d %s %.200s", w.Code, w.Header(), w.Body)
		}
	}
	none := scripts.New("")
	if w := get(none.Page); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "TABI_WEB_PUSH_KEY") {
		t.Errorf("without a key: %d %s", w.Code, w.Body)
	}
}

// The scripts run in a browser of the test's own: a page registers, and its worker shows a message and opens its link.
func TestScriptsInABrowser(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node")
	}
	if out, err := exec.CommandContext(t.Context(), node, "testdata/browser.js", "files").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
