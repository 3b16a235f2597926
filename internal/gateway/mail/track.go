package mail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/idna"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tracking"
)

const (
	// hitTimeout is how long a customer who follows a link waits for the store.
	hitTimeout = 2 * time.Second
	// maxUnstored is how many hits a process keeps in memory while the store is away.
	maxUnstored = 10_000
	// unstoredEvery is how often it tries to store them.
	unstoredEvery = 2 * time.Second
)

// pixel is a transparent picture of 1×1.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00" +
	"\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

// Click redirects who follows a tracked link, once it is stored that they did: the redirect acknowledges it. While the store is away
// the answer is a 503 whose page leads on at once, so that nobody is stranded and nothing is acknowledged. It leads nowhere but where
// the link of the message led, since that is sealed in the link. HEAD asks without following.
func (h *Handlers) Click(w http.ResponseWriter, r *http.Request) {
	click, err := h.clickOf(r)
	if errors.Is(err, sqldb.ErrNotFound) || errors.Is(err, signedlink.ErrBadToken) {
		h.badLink(w, r)
		return
	}
	if err != nil {
		h.failed(w, r, browser(r), err)
		return
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Robots-Tag", "noindex")
	target := location(click.URL)
	hit := message.Hit{
		Hit:  tracking.Hit{Kind: tracking.Click, Link: click.Link},
		Send: click.Key, URL: click.Original(), Of: click.Of,
	}
	if !h.hit(r, hit) {
		p := browser(r)
		w.Header().Set("Retry-After", "60")
		h.pages.Render(w, r, http.StatusServiceUnavailable, "onward.html", p.W.Onward, onwardView{p, target})
		return
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
}

// onwardView leads to where a link leads.
type onwardView struct {
	public
	Target string
}

// Pixel answers with a picture, once it is stored that a mail was opened.
func (h *Handlers) Pixel(w http.ResponseWriter, r *http.Request) {
	key, err := h.links.PixelOf(r.PathValue("token"))
	if err != nil {
		h.badLink(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/gif")
	if !h.hit(r, message.Hit{Hit: tracking.Hit{Kind: tracking.Open}, Send: key}) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write([]byte(pixel))
}

// clickOf returns the link of a request: that in its token, or the stored one of its code.
func (h *Handlers) clickOf(r *http.Request) (signedlink.Click, error) {
	token := r.PathValue("token")
	if !signedlink.IsShortCode(token) {
		return h.links.ClickOf(token)
	}
	ctx, cancel := context.WithTimeout(r.Context(), hitTimeout)
	defer cancel()
	stored, err := h.rooms.Messages.Link(ctx, token)
	return stored.Click, err
}

// hit stores what a request reports, and reports whether it is stored, or need not be.
func (h *Handlers) hit(r *http.Request, hit message.Hit) bool {
	if r.Method == http.MethodHead {
		return true
	}
	hit.At = h.Now()
	hit.Machine = tracking.Machine(hit.Kind, r.Header, h.Peer(r))
	hit.Due = hit.At.Add(tracking.Wait(hit.Kind, hit.Of))
	// Whoever follows a link may close the page at once: it counts all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), hitTimeout)
	defer cancel()
	if err := h.rooms.Messages.StoreHit(ctx, hit); err != nil {
		h.unstored.keep(h.Log, h.rooms.Messages, hit)
		h.Log.Warn("an open or a click could not be stored; it is kept in memory and tried again", zap.String("kind", string(hit.Kind)),
			web.Logged(r.Context()), zap.Error(err))
		return false
	}
	return true
}

// unstored keeps hits that could not be stored, and stores them when the store is back. They are lost if the process ends before; none
// of them was acknowledged.
type unstored struct {
	mu     sync.Mutex
	hits   []message.Hit
	trying bool
}

func (u *unstored) keep(log *zap.Logger, to Messages, hit message.Hit) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.hits) >= maxUnstored {
		log.Error("an open or a click is lost: the store is away, and too many are kept in memory", zap.Int("kept", maxUnstored))
		return
	}
	u.hits = append(u.hits, hit)
	if !u.trying {
		u.trying = true
		go u.try(log, to)
	}
}

// try stores the hits, and ends when there are none.
func (u *unstored) try(log *zap.Logger, to Messages) {
	stored := 0
	for {
		_ = clock.Wait(context.Background(), clock.Wall().Add(unstoredEvery))
		for {
			u.mu.Lock()
			if len(u.hits) == 0 {
				u.trying = false
				u.mu.Unlock()
				log.Info("opens and clicks that were kept in memory are stored", zap.Int("stored", stored))
				return
			}
			hit := u.hits[0]
			u.mu.Unlock()
			ctx, cancel := context.WithTimeout(context.Background(), hitTimeout)
			err := to.StoreHit(ctx, hit)
			cancel()
			if err != nil {
				break
			}
			stored++
			u.mu.Lock()
			u.hits = u.hits[1:]
			u.mu.Unlock()
		}
	}
}

// location returns an address as the header Location takes it: what is not ASCII is escaped as browsers do, and the host written in
// ASCII. All else stays byte by byte.
func location(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if ok {
		host := rest
		if end := strings.IndexAny(rest, `/?#\`); end >= 0 {
			host = rest[:end]
		}
		before, name := "", host
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			before, name = host[:at+1], host[at+1:]
		}
		if plain, err := idna.Lookup.ToASCII(name); err == nil && hasNonASCII(name) {
			address = scheme + "://" + before + plain + rest[len(host):]
		}
	}
	var b strings.Builder
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func hasNonASCII(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r > 0x7e })
}
