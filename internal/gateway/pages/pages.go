// Package pages serves the HTML pages: inbox, customers, journeys and report for agents, and the sign-in page.
package pages

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/graph"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/unit"
)

//go:embed templates
var pageFiles embed.FS

// layout is the data of every page.
type layout struct {
	Title    string
	Agent    string // name of the viewer; empty: not signed in
	SignedIn bool   // by a cookie, so there is a sign-out button
	Open     bool   // no token is needed: agents enter their names in the forms
	Now      time.Time
	Temporal string    // address of the Temporal UI's workflows; empty: no links
	DevPages []devPage // in dev only
	Refresh  int       // seconds after which the page reloads; 0: never
	Reload   string    // where it reloads from: the same page, marked as no sign of a person
	May      func(string) bool
	Body     any
}

// Rooms are the rooms that pages read, and in which agents claim and resolve hand-offs.
type Rooms struct {
	Analytics   Analytics
	Audit       Audit
	Catalog     Catalog
	Customers   Customers
	Enrollments Enrollments
	Handoffs    Handoffs
	Intents     Intents
	Messages    Messages
	Offers      Offers
}

// Analytics has a customer's timeline.
type Analytics interface {
	Timeline(ctx context.Context, customer string, limit int) ([]analytics.TimelineEntry, error)
}

// Audit has what people did.
type Audit interface {
	List(ctx context.Context, f audit.Filter) ([]audit.Entry, error)
}

// Catalog has the current release, and the compiled journeys.
type Catalog interface {
	Content(ctx context.Context) (release int, c *journey.Content, err error)
	Program(ctx context.Context, revision string) (*journey.Program, error)
}

// Customers has the profiles.
type Customers interface {
	Get(ctx context.Context, id string) (customer.Customer, error)
	Find(ctx context.Context, text string) ([]customer.Customer, error)
	Consents(ctx context.Context, id string, limit int) ([]customer.Consent, error)
	EventProperties(ctx context.Context, id string) (map[string]any, error)
}

// Enrollments has a customer's open enrollments.
type Enrollments interface {
	List(ctx context.Context, f enrollment.Filter) ([]unit.Enrollment, error)
}

// Handoffs has the queues of agents.
type Handoffs interface {
	Get(ctx context.Context, id string) (handoff.Handoff, error)
	List(ctx context.Context, f handoff.Filter) ([]handoff.Handoff, error)
	Claim(ctx context.Context, now, wall time.Time, id, agent string) error
	TakeOver(ctx context.Context, now, wall time.Time, id, agent, by string) error
	Release(ctx context.Context, now, wall time.Time, id, by string, over handoff.Over) error
	Resolve(ctx context.Context, now time.Time, id, agent, outcome, note string, over handoff.Over) error
	Seen(ctx context.Context, wall time.Time, id, agent string) error
}

// Intents has customers' intents.
type Intents interface {
	Scores(ctx context.Context, now time.Time, customer string) ([]intent.CustomerIntent, error)
}

// Messages has the ledger of sends, and what a customer wrote.
type Messages interface {
	Conversation(ctx context.Context, customer string, limit int) ([]message.ConversationTurn, error)
	Sends(ctx context.Context, f message.SendFilter) ([]message.Send, error)
}

// Offers has a customer's decisions.
type Offers interface {
	Decisions(ctx context.Context, f offer.DecisionFilter) ([]offer.Decision, error)
}

// Pages serves the pages.
type Pages struct {
	*web.Env
	auth      *auth.Auth
	figures   *figures.Figures
	rooms     Rooms
	temporal  string // address of the Temporal UI's workflows; empty: no links
	dev       []devPage
	templates *template.Template
	gallery   Gallery // nil: messages are not shown
}

// New returns the pages. devPatterns are the patterns of the pages that dev serves.
func New(env *web.Env, a *auth.Auth, f *figures.Figures, rooms Rooms, temporalUI string, devPatterns []string, gallery Gallery,
) (*Pages, error) {
	templates, err := parsePages()
	if err != nil {
		return nil, err
	}
	return &Pages{
		Env: env, auth: a, figures: f, rooms: rooms, temporal: temporalUI, dev: linkedPages(devPatterns), templates: templates,
		gallery: gallery,
	}, nil
}

// parsePages parses the templates.
func parsePages() (*template.Template, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"segment":  url.PathEscape,
		"utc":      func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"relative": relative,
		"value":    showValue,
		"sorted":   sortedPairs,
		"workflow": workflowURL,
		"details":  details,
		"number":   graph.Number,
		"percent":  percent1,
		"amount":   amount,
		"brief":    brief,
		"figure":   figure,
		"number64": func(n int) string { return graph.Number(int64(n)) },
		"periods":  func() []pair { return periods },
		"windows":  func() []pair { return windows },
		"band":     band,
		"reaction": func(sent int64, n api.ReactionNumbers) reactionCell { return reactionCell{sent, n} },
		"sum":      func(a, b int64) int64 { return a + b },
		"from100":  func(v float64) float64 { return round1(100 - v) },
		"round":    func(v float64) string { return graph.Number(int64(v + 0.5)) },
	}).ParseFS(pageFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("gateway: the pages' templates: %w", err)
	}
	return t, nil
}

// Render writes a page, completely or not at all.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, status int, name, title string, body any) {
	caller := auth.PrincipalOf(r.Context())
	open, _ := p.auth.Open(r) // only whether the page says so
	l := layout{
		Title:    title,
		Now:      p.Now(),
		Open:     open.Role != access.Nobody,
		Temporal: p.temporal,
		DevPages: p.dev,
		Body:     auth.Visible(r.Context(), body),
	}
	if name == "inbox.html" {
		l.Refresh = inboxRefresh
	} else if v, ok := body.(journeyView); ok && v.Live {
		l.Refresh = liveRefresh
	}
	if caller.Role != access.Nobody {
		l.Agent, l.SignedIn = p.agent(r), caller.Kind == auth.KindSession
	}
	l.May = func(needs string) bool { return caller.May(access.Permission(needs)) }
	if l.Refresh > 0 {
		q := r.URL.Query()
		q.Set(auth.ReloadParam, "1")
		l.Reload = r.URL.EscapedPath() + "?" + q.Encode()
	}
	var out bytes.Buffer
	if err := p.templates.ExecuteTemplate(&out, name, l); err != nil {
		p.Log.Error("could not render a page", zap.String("page", name), zap.Error(err))
		http.Error(w, "This page could not be rendered. The log has the reason.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

type problemView struct{ Heading, Text string }

// Problem writes a page with an error message.
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, status int, heading, text string) {
	p.Render(w, r, status, "problem.html", heading, problemView{heading, text})
}

func (p *Pages) Stylesheet(w http.ResponseWriter, _ *http.Request) {
	data, err := pageFiles.ReadFile("templates/style.css")
	if err != nil { // it is embedded
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=300")
	_, _ = w.Write(append(data, graph.Style()...))
}

// devPages are the pages of dev that the navigation can link to.
var devPages = []devPage{
	{"/dev/play", "Play", "enter a journey as a customer, and see what comes of it"},
	{"/dev/mail", "Mails", "mails that the built-in mail server received"},
	{"/dev/push", "Pushes", "pushes that the built-in push server received"},
	{"/dev/sms", "Texts", "text messages that the built-in provider received"},
	{"/dev/chat", "Chats", "messages of LINE and WhatsApp that the built-in providers received"},
}

type devPage struct{ Path, Name, Doc string }

// linkedPages returns the pages of dev that are served.
func linkedPages(patterns []string) []devPage {
	var out []devPage
	for _, page := range devPages {
		served := slices.ContainsFunc(patterns, func(pattern string) bool {
			path := pattern[strings.IndexByte(pattern, ' ')+1:]
			return path == page.Path || strings.HasSuffix(path, "/") && strings.HasPrefix(page.Path+"/", path)
		})
		if served {
			out = append(out, page)
		}
	}
	return out
}

// Home links to the other pages.
func (p *Pages) Home(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, "home.html", "tabi", nil)
}

// relative describes t relative to now: "3 h ago".
func relative(now, t time.Time) string {
	d := now.Sub(t)
	if d.Abs() < time.Second {
		return "now"
	}
	if d < 0 {
		return "in " + human.RoughDuration(-d)
	}
	return human.RoughDuration(d) + " ago"
}

type pair struct{ Key, Value string }

// sortedPairs flattens a tree into dotted keys, sorted.
func sortedPairs(tree map[string]any) []pair {
	var out []pair
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for key, v := range m {
			if inner, ok := v.(map[string]any); ok && len(inner) > 0 {
				walk(prefix+key+".", inner)
				continue
			}
			out = append(out, pair{prefix + key, showValue(v)})
		}
	}
	walk("", tree)
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

// workflowURL returns the page of a workflow in the Temporal UI.
func workflowURL(base, id string) string {
	if base == "" {
		return ""
	}
	return strings.TrimRight(base, "/") + "/" + url.PathEscape(id)
}
