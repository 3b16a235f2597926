package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// anyOrigin in a list of origins lets pages of every site read answers.
const anyOrigin = "*"

// checkOrigin reports what is wrong with an element of Config.Origins.
func checkOrigin(text string) error {
	if text == anyOrigin {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ToLower(u.Scheme+"://"+u.Host) != text {
		return fmt.Errorf("gateway: %q is not an origin: write https://shop.example.com, in lower case and without a path (TABI_ORIGINS)",
			text)
	}
	return nil
}

// allowOrigin lets pages of other sites read the answer of a route, as far as the configuration lists them. Without a list, every site
// reads the answers to web keys, which say nothing of customers, and none reads those about a customer. In Dev pages of this machine read
// everything; CheckDev has made sure that the page is one.
func (g *Gateway) allowOrigin(w http.ResponseWriter, r *http.Request, access web.Access) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	allowed := ""
	switch list := g.cfg.Origins; {
	case g.cfg.Dev || slices.Contains(list, origin):
		allowed = origin
	case slices.Contains(list, anyOrigin) || len(list) == 0 && access == web.WriteKey:
		allowed = anyOrigin
	}
	if allowed != anyOrigin {
		w.Header().Add("Vary", "Origin")
	}
	if allowed == "" {
		g.strangers.Do(func() {
			g.Log.Info("a page of an origin that is not in TABI_ORIGINS called, and cannot read the answer",
				zap.String("origin", fmt.Sprintf("%.200q", origin)), zap.String("path", label(r.Pattern)))
		})
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", allowed)
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After, "+web.RequestIDHeader)
}

// newSometimes limits lines about origins to one a minute.
func newSometimes() *rate.Sometimes { return &rate.Sometimes{First: 1, Interval: time.Minute} }

// preflight answers what a browser asks before a page of another site calls a route.
func (g *Gateway) preflight(access web.Access) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.allowOrigin(w, r, access)
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding")
			w.Header().Set("Access-Control-Max-Age", "7200")
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
