// Package adminapi serves the admin API: JSON over HTTP with a token as bearer. Its contract is package api; huma decodes
// and checks requests, encodes responses and writes the OpenAPI document (docs/decisions/0013).
package adminapi

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Rooms are the rooms that operators read and change.
type Rooms struct {
	Analytics   Analytics
	Audit       Audit
	Catalog     Catalog
	Customers   Customers
	Enrollments Enrollments
	Erasure     Erasure
	Handoffs    Handoffs
	Intake      Intake
	Intents     Intents
	Messages    Messages
	Offers      Offers
	Outbox      Outbox
	Rejections  Rejections
	Keys        Keys
	Sessions    Sessions
}

// Analytics counts.
type Analytics interface {
	Counts(ctx context.Context) (analytics.Counts, error)
	StepCounts(ctx context.Context, journey string) ([]analytics.StepCount, error)
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

// Enrollments finds enrollments, sends them commands, pauses journeys, and moves open enrollments to another revision.
type Enrollments interface {
	Command(ctx context.Context, now time.Time, workflowID string, c contract.Command) error
	List(ctx context.Context, f enrollment.Filter) ([]unit.Enrollment, error)
	PauseJourney(ctx context.Context, now time.Time, name, by string, paused bool) (int, error)
	Migrate(ctx context.Context, now time.Time, m enrollment.Migration) (enrollment.MigrationPage, error)
	MigrationStatuses(ctx context.Context, name, after string, limit int) ([]enrollment.MigrationStatus, error)
}

// Handoffs has the queues of agents.
type Handoffs interface {
	List(ctx context.Context, f handoff.Filter) ([]handoff.Handoff, error)
	TakeOver(ctx context.Context, now, wall time.Time, id, agent, by string) error
	Release(ctx context.Context, now, wall time.Time, id, by string, over handoff.Over) error
	Resolve(ctx context.Context, now time.Time, id, agent, outcome, note string, over handoff.Over) error
}

// Intake accepts the event that an operator enrolls a customer by.
type Intake interface {
	Ingest(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error)
}

// Intents has customers' intents.
type Intents interface {
	Scores(ctx context.Context, now time.Time, customer string) ([]intent.CustomerIntent, error)
}

// Messages has the ledger of sends.
type Messages interface {
	Sends(ctx context.Context, f message.SendFilter) ([]message.Send, error)
	AddTrials(ctx context.Context, now time.Time, release int, trials []message.Trial) error
	Trials(ctx context.Context, keys []string) ([]message.Trial, error)
}

// Offers previews decisions.
type Offers interface {
	InboundChannels() []string
	Explain(ctx context.Context, now time.Time, customer, group string, actions []string, channel string) (offer.Decision, error)
}

// Outbox lists, retries and drops what waits for delivery, and dead letters.
type Outbox interface {
	DeadLetters(ctx context.Context, f outbox.DeadLetterFilter) ([]outbox.DeadLetter, error)
	RetryDeadLetters(ctx context.Context, now time.Time, list []outbox.DeadLetter, drop bool) (int, error)
	Backlogs(ctx context.Context, limit int) ([]outbox.Backlog, error)
	DropBacklog(ctx context.Context, now time.Time, customerID string) (outbox.Backlog, error)
}

// Restart begins a page of lost enrollments again. It asks Temporal, which no room does.
type Restart func(ctx context.Context, in api.RestartRequest) (api.RestartPage, error)

// Handlers serve the admin API.
type Handlers struct {
	*web.Env
	rooms    Rooms
	figures  *figures.Figures
	restart  Restart
	standing Standing
	tests    Tests
	mux      *http.ServeMux
	doc      *huma.OpenAPI
}

// New returns the handlers.
func New(env *web.Env, rooms Rooms, f *figures.Figures, restart Restart, standing Standing, tests Tests) *Handlers {
	h := &Handlers{Env: env, rooms: rooms, figures: f, restart: restart, standing: standing, tests: tests,
		mux: http.NewServeMux()}
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[journey.Rules](), reflect.TypeFor[map[string]any]()) // the designer's YAML, parsed
	registry.RegisterTypeAlias(reflect.TypeFor[problem](), reflect.TypeFor[api.Problem]())
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "tabi", Version: "1",
				Description: "Events in, decisions and app messages out, and the admin API. Errors have one form, Problem.",
			},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"admin":    {Type: "http", Scheme: "bearer", Description: "a token whose role may do this"},
					"writeKey": {Type: "http", Scheme: "basic", Description: "a write key as user, without a password"},
					"bearer":   {Type: "http", Scheme: "bearer", Description: "a server key, or a user token"},
				},
			},
		},
		Formats: map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat,
			tableType: {Marshal: writeTable}},
		DefaultFormat: "application/json",
		Transformers: []huma.Transformer{func(c huma.Context, _ string, v any) (any, error) {
			if p, ok := v.(*problem); ok {
				p.Problem.Error.Request = web.RequestID(c.Context())
			}
			return v, nil
		}},
	}
	a := humago.New(h.mux, config)
	register(h, a, api.Enroll, h.enroll)
	register(h, a, api.ListEnrollments, h.listEnrollments)
	register(h, a, api.GetEnrollment, h.getEnrollment)
	register(h, a, api.SendCommand, h.sendCommand)
	register(h, a, api.PauseJourney, h.pauseJourney)
	register(h, a, api.RestartLost, h.restartLost)
	register(h, a, api.GetCounts, h.getCounts)
	register(h, a, api.GetJourney, h.getJourney)
	register(h, a, api.GetStepCounts, h.getStepCounts)
	register(h, a, api.Migrate, h.migrate)
	register(h, a, api.ListMigrations, h.listMigrations)
	register(h, a, api.ListDeadLetters, h.listDeadLetters)
	register(h, a, api.RetryDeadLetters, h.retryDeadLetters)
	register(h, a, api.DropDeadLetters, h.dropDeadLetters)
	register(h, a, api.SplitCustomer, h.splitCustomer)
	register(h, a, api.ListBacklogs, h.listBacklogs)
	register(h, a, api.DropBacklog, h.dropBacklog)
	register(h, a, api.ExportCustomer, h.exportCustomer)
	register(h, a, api.ForgetCustomer, h.forgetCustomer)
	register(h, a, api.RememberCustomer, h.rememberCustomer)
	register(h, a, api.ListForgets, h.listForgets)
	register(h, a, api.GetForget, h.getForget)
	register(h, a, api.ListHandoffs, h.listHandoffs)
	register(h, a, api.ActOnHandoff, h.actOnHandoff)
	register(h, a, api.ListAddresses, h.listAddresses)
	register(h, a, api.ReviveAddress, h.reviveAddress)
	register(h, a, api.ListRejectedCalls, h.listRejectedCalls)
	register(h, a, api.GetRejectedCall, h.getRejectedCall)
	register(h, a, api.DropRejectedCalls, h.dropRejectedCalls)
	register(h, a, api.CreateKey, h.createKey)
	register(h, a, api.GetSample, h.getSample)
	register(h, a, api.SendTest, h.sendTest)
	register(h, a, api.ListKeys, h.listKeys)
	register(h, a, api.RotateKey, h.rotateKey)
	register(h, a, api.RevokeKey, h.revokeKey)
	register(h, a, api.ListSessions, h.listSessions)
	register(h, a, api.EndSessions, h.endSessions)
	register(h, a, api.ExplainDecision, h.explainDecision)
	register(h, a, api.GetReport, h.getReport)
	register(h, a, api.ListAudit, h.listAudit)
	registerTable(h, a, api.ListMessages, h.listMessages)
	registerTable(h, a, api.GetMessageResults, h.getMessageResults)
	registerTable(h, a, api.ListChannels, h.listChannels)
	registerTable(h, a, api.GetSplitResults, h.getSplitResults)
	h.doc = a.OpenAPI()
	h.describePublic()
	return h
}

// ServeHTTP serves every path of the admin API. Bodies are read here, within the limits of all bodies.
func (h *Handlers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if err := h.ReplaceBody(w, r); err != nil {
			web.WriteError(w, err)
			return
		}
	}
	acceptTable(r)
	h.mux.ServeHTTP(w, r)
}

// OpenAPI returns the document of all HTTP endpoints for programs, as YAML.
func (h *Handlers) OpenAPI() ([]byte, error) { return h.doc.YAML() }

// reply is a response with a body.
type reply[T any] struct{ Body T }

// register serves an endpoint. An error that do returns is an error of the store, unless it is a web.Error.
func register[In, Out any](h *Handlers, a huma.API, e api.Endpoint[In, Out], do func(context.Context, *In) (*Out, error)) {
	op := huma.Operation{
		OperationID: e.ID, Method: e.Method, Path: e.Path, Summary: e.Summary, Tags: []string{"admin"},
		Security:     []map[string][]string{{"admin": {}}},
		Errors:       append([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusServiceUnavailable}, e.Errors...),
		MaxBodyBytes: h.Limits.Body, RejectUnknownQueryParameters: true,
	}
	huma.Register(a, op, func(ctx context.Context, in *In) (*reply[Out], error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, h.problem(ctx, e.Path, err)
		}
		return &reply[Out]{auth.Visible(ctx, *out)}, nil
	})
}
