package devsinks

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

//go:embed pages/*.html pages/*.css
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"virtual": func(c clock.Clock, t time.Time) string {
		if c.Scale <= 1 && c.Origin.Equal(c.Epoch) {
			return ""
		}
		return c.At(t).UTC().Format("2 Jan 2006, 15:04:05")
	},
	"day":  func(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006, 15:04:05 UTC") },
	"join": func(s []string) string { return strings.Join(s, ", ") },
	"dict": func(pairs ...any) map[string]any {
		m := make(map[string]any, len(pairs)/2)
		for i := 0; i+1 < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	},
	"brief": func(s string) string {
		runes := []rune(strings.Join(strings.Fields(s), " "))
		return string(runes[:min(len(runes), 120)])
	},
	"segment": url.PathEscape,
	"web":     func(s string) bool { return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") },
	"first": func(s string) string {
		if s = strings.TrimSpace(s); s == "" {
			return "?"
		}
		return strings.ToUpper(string([]rune(s)[:1]))
	},
}).ParseFS(files, "pages/*.html"))

// shown is how many items the lists show; the JSON has all of them.
const shown = 200

// Content security policies of the pages, and of the frame with a mail's HTML: nothing in a mail runs, and its links open
// in another tab.
const (
	pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; base-uri 'none'; " +
		"frame-ancestors 'self'"
	bodyPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline' https: http:; " +
		"img-src https: http: data:; font-src https: data:; frame-ancestors 'self'"
)

// Handler serves the pages /dev/mail, /dev/push, /dev/sms and /dev/chat, and their contents as /dev/mail.json, /dev/push.json,
// /dev/sms.json and /dev/chat.json (oldest first; to= and key= filter). It has no access control: serve it on loopback only.
func (s *Sink) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev/mail", s.mailList)
	mux.HandleFunc("GET /dev/mail.json", s.mailJSON)
	mux.HandleFunc("GET /dev/mail/{id}", s.mailPage)
	mux.HandleFunc("GET /dev/mail/{id}/body", s.mailBody)
	mux.HandleFunc("GET /dev/mail/{id}/raw", s.mailRaw)
	mux.HandleFunc("GET /dev/push", s.pushList)
	mux.HandleFunc("GET /dev/push.json", s.pushJSON)
	mux.HandleFunc("GET /dev/sms", s.textList)
	mux.HandleFunc("GET /dev/sms.json", s.textJSON)
	mux.HandleFunc("GET /dev/chat", s.chatList)
	mux.HandleFunc("GET /dev/chat.json", s.chatJSON)
	mux.HandleFunc("GET /dev/play", s.startPage)
	mux.HandleFunc("POST /dev/play", s.begin)
	mux.HandleFunc("POST /dev/act", s.act)
	mux.HandleFunc("GET /dev/sink.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "pages/sink.css")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // under no-referrer a browser sends its own forms with Origin: null
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// list is the data of a list page.
type list struct {
	Page    string // mail, push, sms or chat
	Clock   clock.Clock
	To, Key string // the filter
	Count   int
	Mails   []Mail
	Pushes  []Push
	Texts   []Text
	Chats   []Chat
	player  func(channel, key, provider string) *player
}

// Player returns the part of the page that plays the customer with a message; nil: the page only shows. provider is the id that the
// sink gave the message.
func (l list) Player(channel, key, provider string) *player {
	if l.player == nil {
		return nil
	}
	return l.player(channel, key, provider)
}

// matching returns the items of a list that match the request's to and key.
func matching[T any](r *http.Request, items []T, is func(item T, to string) bool, keyOf func(T) string) []T {
	to, key := r.FormValue("to"), r.FormValue("key")
	return slices.DeleteFunc(items, func(item T) bool { return to != "" && !is(item, to) || key != "" && keyOf(item) != key })
}

func (s *Sink) matchingMails(r *http.Request) []Mail {
	return matching(r, s.Mails(), func(m Mail, to string) bool {
		return slices.ContainsFunc(m.To, func(a string) bool { return strings.EqualFold(a, to) })
	}, func(m Mail) string { return m.Key })
}

func (s *Sink) matchingPushes(r *http.Request) []Push {
	return matching(r, s.Pushes(), func(p Push, to string) bool { return p.To == to }, func(p Push) string { return p.Key })
}

func (s *Sink) matchingTexts(r *http.Request) []Text {
	return matching(r, s.Texts(), func(t Text, to string) bool { return t.To == to }, func(t Text) string { return t.Key })
}

func (s *Sink) matchingChats(r *http.Request) []Chat {
	return matching(r, s.Chats(), func(c Chat, to string) bool { return c.To == to }, func(c Chat) string { return c.Key })
}

// list returns the data of a page about n items, without these.
func (s *Sink) list(r *http.Request, page string, n int) list {
	return list{
		Page: page, Clock: *s.clock.Load(), To: r.FormValue("to"), Key: r.FormValue("key"), Count: n,
		player: func(channel, key, provider string) *player { return s.player(r, channel, key, provider) },
	}
}

func (s *Sink) mailList(w http.ResponseWriter, r *http.Request) {
	mails := s.matchingMails(r)
	l := s.list(r, "mail", len(mails))
	l.Mails, l.player = latest(mails), nil // a mail is played on its own page
	render(w, "mails.html", l)
}

func (s *Sink) pushList(w http.ResponseWriter, r *http.Request) {
	pushes := s.matchingPushes(r)
	l := s.list(r, "push", len(pushes))
	l.Pushes = latest(pushes)
	render(w, "pushes.html", l)
}

func (s *Sink) textList(w http.ResponseWriter, r *http.Request) {
	texts := s.matchingTexts(r)
	l := s.list(r, "sms", len(texts))
	l.Texts = latest(texts)
	render(w, "texts.html", l)
}

func (s *Sink) chatList(w http.ResponseWriter, r *http.Request) {
	chats := s.matchingChats(r)
	l := s.list(r, "chat", len(chats))
	l.Chats = latest(chats)
	render(w, "chats.html", l)
}

func (s *Sink) mailJSON(w http.ResponseWriter, r *http.Request) { writeList(w, s.matchingMails(r)) }
func (s *Sink) pushJSON(w http.ResponseWriter, r *http.Request) { writeList(w, s.matchingPushes(r)) }
func (s *Sink) textJSON(w http.ResponseWriter, r *http.Request) { writeList(w, s.matchingTexts(r)) }
func (s *Sink) chatJSON(w http.ResponseWriter, r *http.Request) { writeList(w, s.matchingChats(r)) }

// latest returns the last items of a list, newest first.
func latest[T any](l []T) []T {
	l = slices.Clone(l[max(0, len(l)-shown):])
	slices.Reverse(l)
	return l
}

// writeList responds with a list, [] if it is empty.
func writeList[T any](w http.ResponseWriter, l []T) {
	if l == nil {
		l = []T{}
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(l)
}

// mailOf returns the mail of the path, or responds with 404.
func (s *Sink) mailOf(w http.ResponseWriter, r *http.Request) (Mail, bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err == nil {
		for _, m := range s.Mails() {
			if m.ID == id {
				return m, true
			}
		}
	}
	http.Error(w, "There is no such mail here; the oldest are dropped after "+strconv.Itoa(MaxKept)+".", http.StatusNotFound)
	return Mail{}, false
}

func (s *Sink) mailPage(w http.ResponseWriter, r *http.Request) {
	if m, ok := s.mailOf(w, r); ok {
		names := make([]string, 0, len(m.Headers))
		for name := range m.Headers {
			names = append(names, name)
		}
		slices.Sort(names)
		p := s.player(r, "email", m.Key, "")
		if p != nil {
			p.Links, p.OneClick = links(m.HTML), m.unsubscribe()
		}
		render(w, "mail.html", struct {
			Mail
			Page   string
			Clock  clock.Clock
			Names  []string
			Player *player
		}{m, "mail", *s.clock.Load(), names, p})
	}
}

// mailBody serves a mail's HTML alone, for the frame on its page.
func (s *Sink) mailBody(w http.ResponseWriter, r *http.Request) {
	if m, ok := s.mailOf(w, r); ok {
		w.Header().Set("Content-Security-Policy", bodyPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(
			[]byte(
				"<base target=\"_blank\"><style>body{font-family:system-ui,sans-serif;line-height:1.5;color:#1c1b22;" +
					"background:#fff}</style>\n" + m.HTML,
			),
		)
	}
}

func (s *Sink) mailRaw(w http.ResponseWriter, r *http.Request) {
	if m, ok := s.mailOf(w, r); ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(m.Raw)
	}
}

func render(w http.ResponseWriter, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = b.WriteTo(w)
}
