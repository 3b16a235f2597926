package gateway

import (
	"cmp"
	"net/http"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// What is recorded of the requests of a route.
type recording int

const (
	acts    recording = iota // it changes something: recorded with what it changes, and where it is refused
	looks                    // it shows something of customers, or of other people's work: recorded once in a while
	exports                  // it takes out all that is stored of a customer: always recorded
	none                     // nothing of it is recorded, for the reason in the row
)

// audited is what the audit log has of a route.
type audited struct {
	how  recording
	what string // the act's name; with none, why nothing is recorded
	kind string // of the object that {id} or {name} in the path names
}

// Reasons why nothing is recorded.
const (
	noCustomer   = "shows no customer: numbers, forms, texts"
	byCustomer   = "the customer acts, and the event log has it"
	byPrograms   = "programs act for customers, and the event log or the ledger has it"
	forMachines  = "machines ask"
	ofDevelopers = "of dev, on this machine only"
)

// audits has a row for each route, by its method and path. TestEveryRouteIsAudited holds that. A route without one is recorded, under
// its path, as an act.
var audits = map[string]audited{
	"GET /{$}":                   {none, noCustomer, ""},
	"GET /login":                 {none, noCustomer, ""},
	"POST /login":                {acts, "session.sign_in", ""},
	"GET /login/oidc":            {none, noCustomer, ""},
	"GET /login/callback":        {acts, "session.sign_in", ""},
	"POST /login/backchannel":    {acts, "session.end", ""},
	"POST /logout":               {acts, "session.sign_out", ""},
	"GET /static/style.css":      {none, noCustomer, ""},
	"GET /inbox":                 {looks, "handoff.list", ""},
	"GET /inbox/{id}":            {looks, "handoff.read", "handoff"},
	"POST /inbox/{id}/claim":     {acts, "handoff.claim", "handoff"},
	"POST /inbox/{id}/take-over": {acts, "handoff.take_over", "handoff"},
	"POST /inbox/{id}/release":   {acts, "handoff.release", "handoff"},
	"POST /inbox/{id}/resolve":   {acts, "handoff.resolve", "handoff"},
	"GET /journeys":              {none, noCustomer, ""},
	"GET /journeys/{name}":       {none, noCustomer, ""},
	"GET /sessions":              {none, "shows people their own sessions", ""},
	"POST /sessions/end":         {acts, "session.end", ""},
	"GET /customers":             {none, noCustomer, ""},
	"POST /customers":            {looks, "customer.find", ""},
	"GET /customers/{id}":        {looks, "customer.read", "customer"},
	"GET /messages/{name}":       {looks, "message.read", "message"},
	"GET /report":                {none, noCustomer, ""},

	"GET /v1/admin/sessions":      {looks, "session.list", ""},
	"POST /v1/admin/sessions/end": {acts, "session.end", ""},

	"GET /web-push/page.js":     {none, noCustomer, ""},
	"GET /web-push/worker.js":   {none, noCustomer, ""},
	"GET /u/{token}":            {none, byCustomer, ""},
	"POST /u/{token}":           {none, byCustomer, ""},
	"GET /p/{token}":            {none, byCustomer, ""},
	"POST /p/{token}":           {none, byCustomer, ""},
	"GET /confirm/{token}":      {none, byCustomer, ""},
	"POST /confirm/{token}":     {none, byCustomer, ""},
	"GET /t/{token}":            {none, byCustomer, ""},
	"GET /o/{token}":            {none, byCustomer, ""},
	"GET /v1/providers/{name}":  {none, byPrograms, ""},
	"POST /v1/providers/{name}": {none, byPrograms, ""},
	"POST /v1/line/link":        {none, byPrograms, ""},
	"POST /v1/mail/events":      {none, byPrograms, ""},
	"POST /v1/mail/bounces":     {none, byPrograms, ""},
	"GET /v1/inbox/{user}":      {none, byPrograms, ""},
	"POST /v1/decide":           {none, byPrograms, ""},
	"POST /v1/track":            {none, byPrograms, ""},
	"POST /v1/t":                {none, byPrograms, ""},
	"POST /v1/identify":         {none, byPrograms, ""},
	"POST /v1/i":                {none, byPrograms, ""},
	"POST /v1/page":             {none, byPrograms, ""},
	"POST /v1/p":                {none, byPrograms, ""},
	"POST /v1/screen":           {none, byPrograms, ""},
	"POST /v1/s":                {none, byPrograms, ""},
	"POST /v1/alias":            {none, byPrograms, ""},
	"POST /v1/a":                {none, byPrograms, ""},
	"POST /v1/group":            {none, byPrograms, ""},
	"POST /v1/g":                {none, byPrograms, ""},
	"POST /v1/batch":            {none, byPrograms, ""},
	"POST /v1/b":                {none, byPrograms, ""},
	"POST /v1/codec/decode":     {looks, "payload.decrypt", ""},
	"POST /v1/codec/encode":     {none, "shows nothing that the caller has not sent", ""},
	"GET /v1/openapi.yaml":      {none, noCustomer, ""},
	"GET /healthz":              {none, forMachines, ""},
	"GET /readyz":               {none, forMachines, ""},
	"GET /metrics":              {none, forMachines, ""},
	"GET /v1/admin/counts":      {none, noCustomer, ""},
	"GET /v1/admin/report":      {none, noCustomer, ""},
	"GET /v1/admin/audit":       {looks, "audit.read", ""},
	"GET /v1/admin/decide":      {looks, "customer.decide", ""},
	"GET /v1/admin/handoffs":    {looks, "handoff.list", ""},

	"GET /messages":                                {none, noCustomer, ""},
	"GET /channels":                                {none, noCustomer, ""},
	"GET /v1/admin/results/messages":               {none, noCustomer, ""},
	"GET /v1/admin/results/messages/{name}":        {none, noCustomer, ""},
	"GET /v1/admin/results/channels":               {none, noCustomer, ""},
	"GET /v1/admin/results/journeys/{name}/splits": {none, noCustomer, ""},

	"POST /v1/inbox/{user}/token":                      {none, byPrograms, ""},
	"POST /v1/admin/enrollments":                       {acts, "enrollment.enroll", ""},
	"GET /v1/admin/enrollments":                        {looks, "enrollment.list", ""},
	"GET /v1/admin/enrollments/{id}":                   {looks, "enrollment.read", "enrollment"},
	"POST /v1/admin/enrollments/{id}/commands":         {acts, "enrollment.command", "enrollment"},
	"POST /v1/admin/pause":                             {acts, "journey.pause", ""},
	"POST /v1/admin/restart":                           {acts, "enrollment.restart", ""},
	"GET /v1/admin/journeys/{name}":                    {none, noCustomer, ""},
	"GET /v1/admin/step-counts":                        {none, noCustomer, ""},
	"POST /v1/admin/migrations":                        {acts, "journey.migrate", ""},
	"GET /v1/admin/migrations":                         {looks, "journey.migrations", ""},
	"GET /v1/admin/dead-letters":                       {looks, "dead_letter.list", ""},
	"POST /v1/admin/dead-letters/retry":                {acts, "dead_letter.retry", ""},
	"POST /v1/admin/dead-letters/drop":                 {acts, "dead_letter.drop", ""},
	"GET /v1/admin/customers/{id}/export":              {exports, "customer.export", "customer"},
	"POST /v1/admin/customers/{id}/forget":             {acts, "customer.forget", "customer"},
	"POST /v1/admin/customers/{id}/remember":           {acts, "customer.remember", "customer"},
	"GET /v1/admin/forget-requests":                    {looks, "customer.forgets", ""},
	"GET /v1/admin/forget-requests/{id}":               {looks, "customer.forgets", "forget_request"},
	"POST /v1/admin/customers/{id}/split":              {acts, "customer.split", "customer"},
	"GET /v1/admin/backlogs":                           {looks, "backlog.list", ""},
	"POST /v1/admin/customers/{id}/drop-backlog":       {acts, "backlog.drop", "customer"},
	"POST /v1/admin/handoffs/{id}/acts":                {acts, "handoff.act", "handoff"},
	"GET /v1/admin/addresses":                          {looks, "address.list", ""},
	"GET /v1/admin/messages/{name}/samples/{customer}": {looks, "message.read", "message"},
	"POST /v1/admin/messages/{name}/tests":             {acts, "message.test", "message"},
	"POST /v1/admin/addresses/revive":                  {acts, "address.revive", ""},
	"GET /v1/admin/rejected-calls":                     {none, noCustomer, ""},
	"GET /v1/admin/rejected-calls/{id}":                {looks, "rejected_call.read", "rejected_call"},
	"POST /v1/admin/keys":                              {acts, "key.create", ""},
	"GET /v1/admin/keys":                               {looks, "key.list", ""},
	"POST /v1/admin/keys/{key}/rotate":                 {acts, "key.rotate", ""},
	"POST /v1/admin/keys/{key}/revoke":                 {acts, "key.revoke", ""},
	"POST /v1/admin/rejected-calls/drop":               {acts, "rejected_call.drop", ""},
}

// auditOf returns what is recorded of a route.
func auditOf(r web.Route) audited {
	if r.Access == web.DevOnly {
		return audited{none, ofDevelopers, ""}
	}
	row, ok := audits[r.Method+" "+r.Path]
	if !ok {
		return audited{acts, r.Method + " " + r.Path, ""}
	}
	return row
}

// audit records what is done by a route: who (auth.WithPrincipal says it), on what, and the result, before the first byte of the answer.
// What cannot be recorded is not shown, and not done.
func (g *Gateway) audit(r web.Route, next http.Handler) http.Handler {
	row := auditOf(r)
	if row.how == none {
		return next
	}
	door := audit.API
	if r.Access == web.Page || r.Access == web.Form || r.Access == web.Anyone {
		door = audit.Page
	}
	door = cmp.Or(g.cfg.Door, door)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		e := audit.Entry{What: row.what, Kind: row.kind, Door: door, Peer: g.peer(req)}
		if row.kind != "" {
			if e.ID = req.PathValue("id"); e.ID == "" {
				e.ID = req.PathValue("name")
			}
		}
		begin := g.cfg.Rooms.Audit.Begin
		if row.how == looks || row.how == exports {
			begin = g.cfg.Rooms.Audit.Look
		}
		if row.kind == "customer" {
			e.Customer = e.ID // a room may say which of its ids is the customer's own
		}
		ctx, act := begin(req.Context(), e)
		if row.how == exports {
			act.Always()
		}
		if r.Access != web.Anyone {
			act.Await()
		}
		out := &settling{ResponseWriter: w, settle: func(status int) bool {
			result, reason := outcome(status)
			if !act.Known() && result == audit.OK && r.Access != web.Anyone {
				return true // sent to sign in
			}
			if err := act.Done(ctx, result, reason); err != nil {
				g.Log.Error("the audit log could not be written", zap.String("what", row.what), zap.Error(err))
				return false
			}
			return true
		}}
		returned := false
		defer func() {
			if !returned {
				out.settled = out.settled || out.settle(http.StatusInternalServerError) // a panic: the answer is outer's
			}
		}()
		next.ServeHTTP(out, req.WithContext(ctx))
		returned = true
		if !out.settled {
			out.WriteHeader(http.StatusOK)
		}
	})
}

// peer returns the address from which a request comes; empty: it has none.
func (g *Gateway) peer(r *http.Request) string {
	if addr := g.Peer(r); addr.IsValid() {
		return addr.String()
	}
	return ""
}

// outcome returns the result of an answer, and a code.
func outcome(status int) (result, reason string) {
	switch {
	case status < 400:
		return audit.OK, ""
	case status == http.StatusUnauthorized:
		return audit.Refused, "unauthorized"
	case status == http.StatusForbidden:
		return audit.Refused, "forbidden"
	case status == http.StatusNotFound:
		return audit.Refused, "not_found"
	case status == http.StatusConflict:
		return audit.Refused, "conflict"
	case status == http.StatusTooManyRequests:
		return audit.Refused, "too_many"
	case status < 500:
		return audit.Refused, "bad_request"
	}
	return audit.Failed, "internal"
}

// settling settles an act before the first byte of its answer.
type settling struct {
	http.ResponseWriter
	settle  func(status int) bool
	settled bool
	refused bool // the act could not be recorded: the handler's answer is not sent
}

func (s *settling) WriteHeader(status int) {
	if status < 200 || s.settled {
		if !s.refused {
			s.ResponseWriter.WriteHeader(status)
		}
		return
	}
	s.settled = true
	if s.settle(status) {
		s.ResponseWriter.WriteHeader(status)
		return
	}
	s.refused = true
	web.WriteError(s.ResponseWriter, &web.Error{Status: http.StatusServiceUnavailable, Code: "not_recorded", Retry: 5,
		Message: "the audit log could not be written, so the answer is not shown; the log of the gateway has the reason"})
}

func (s *settling) Write(data []byte) (int, error) {
	if !s.settled {
		s.WriteHeader(http.StatusOK)
	}
	if s.refused {
		return len(data), nil
	}
	return s.ResponseWriter.Write(data)
}

// Unwrap serves http.ResponseController.
func (s *settling) Unwrap() http.ResponseWriter { return s.ResponseWriter }
