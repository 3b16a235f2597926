// Package scripts serves the scripts by which a site registers browsers for web push, and shows what is sent.
package scripts

import (
	"embed"
	"net/http"
	"strings"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

//go:embed files/*.js
var files embed.FS

// Scripts serves scripts. They hold nothing secret: everybody may load them.
type Scripts struct {
	key string // the public key of web push; empty: web push is not configured
}

// New returns the scripts with a public key of web push.
func New(key string) *Scripts { return &Scripts{key: key} }

// Page is the script of the page: tabi.registerPush().
func (s *Scripts) Page(w http.ResponseWriter, _ *http.Request) { s.serve(w, "files/page.js") }

// Worker is the script of the service worker, which the site's own worker imports.
func (s *Scripts) Worker(w http.ResponseWriter, _ *http.Request) { s.serve(w, "files/worker.js") }

func (s *Scripts) serve(w http.ResponseWriter, name string) {
	text, err := files.ReadFile(name)
	if err != nil || s.key == "" {
		web.WriteError(w, &web.Error{
			Status: http.StatusNotFound, Code: "not_found", Message: "web push is not configured: set TABI_WEB_PUSH_KEY",
		})
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=300")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, _ = w.Write([]byte(strings.ReplaceAll(string(text), "WEB_PUSH_KEY", s.key)))
}
