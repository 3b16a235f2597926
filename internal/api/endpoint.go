package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// Endpoint is one operation of the admin API. In has the parameters in fields with the tag `path` or `query`, and the request
// body, if any, in a field Body; Out is the response body.
type Endpoint[In, Out any] struct {
	ID      string // operationId of the OpenAPI document
	Method  string
	Path    string // with {parameters}
	Summary string
	Errors  []int // statuses besides those of every endpoint
}

// Caller sends a request and decodes the response; in is nil if there is no body. A response outside 2xx is an error.
type Caller interface {
	Call(ctx context.Context, method, path string, in, out any) error
}

// Call calls the endpoint.
func (e Endpoint[In, Out]) Call(ctx context.Context, c Caller, in In) (out Out, err error) {
	path, query := e.Path, url.Values{}
	var body any
	v := reflect.ValueOf(in)
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		if name, ok := f.Tag.Lookup("path"); ok {
			path = strings.Replace(path, "{"+name+"}", url.PathEscape(value.String()), 1)
			continue
		}
		name, ok := f.Tag.Lookup("query")
		switch {
		case f.Name == "Body":
			body = value.Interface()
		case !ok || value.IsZero():
		case value.Kind() == reflect.Slice:
			query[strings.TrimSuffix(name, ",explode")] = value.Interface().([]string)
		default:
			query.Set(name, fmt.Sprint(value.Interface()))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return out, c.Call(ctx, e.Method, path, body, &out)
}

// Inputs of the admin API.
type (
	None struct{}
	// EnrollInput is the input of Enroll.
	EnrollInput struct{ Body EnrollRequest }
	// EnrollmentID names an enrollment by the id of its workflow, cart-recovery/ana; in a path it is percent-encoded.
	EnrollmentID struct {
		ID string `path:"id" maxLength:"255" doc:"id of the enrollment's workflow, percent-encoded: cart-recovery%2Fana"`
	}
	// CommandInput is the input of SendCommand.
	CommandInput struct {
		ID   string `path:"id" maxLength:"255" doc:"id of the enrollment's workflow, percent-encoded: cart-recovery%2Fana"`
		Body CommandRequest
	}
	// EnrollmentFilter is the input of ListEnrollments.
	EnrollmentFilter struct {
		Journey  string `query:"journey"`
		Customer string `query:"customer"`
		State    string `query:"state" enum:"open,awaiting_goal,closed"`
		Outcome  string `query:"outcome"`
		After    string `query:"after" doc:"next of the previous page"`
		Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
	// RestartInput is the input of RestartLost.
	RestartInput struct{ Body RestartRequest }
	// PauseInput is the input of PauseJourney.
	PauseInput struct{ Body PauseRequest }
	// JourneyName names a journey in the path.
	JourneyName struct {
		Name string `path:"name"`
	}
	// JourneyFilter is the input of GetStepCounts.
	JourneyFilter struct {
		Journey string `query:"journey" doc:"default: all journeys"`
	}
	// MigrateInput is the input of Migrate.
	MigrateInput struct{ Body MigrateRequest }
	// MigrationFilter is the input of ListMigrations.
	MigrationFilter struct {
		Journey string `query:"journey" required:"true"`
		After   string `query:"after" doc:"next of the previous page"`
		Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"1000"`
	}
	// DeadLetterFilter is the input of ListDeadLetters.
	DeadLetterFilter struct {
		WorkflowID string `query:"workflow_id" doc:"default: of all enrollments"`
		After      string `query:"after" doc:"next of the previous page"`
		Limit      int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
	// RejectedCallFilter is the input of ListRejectedCalls.
	RejectedCallFilter struct {
		Door  string `query:"door" enum:"http,mail,track,signal" doc:"where the calls came in; default: anywhere"`
		Code  string `query:"code" doc:"the reason; default: any"`
		After string `query:"after" doc:"next of the previous page"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
	// RejectedCallID is the input of GetRejectedCall.
	RejectedCallID struct {
		ID string `path:"id"`
	}
	// DeadLetterInput is the input of RetryDeadLetters and DropDeadLetters.
	DeadLetterInput struct{ Body DeadLetterSelection }
	DecisionQuery   struct {
		Customer string   `query:"customer" required:"true"`
		Group    string   `query:"group" doc:"a group of actions; either this or actions"`
		Actions  []string `query:"actions,explode" doc:"names of actions"`
		Channel  string   `query:"channel" doc:"where the customer is; default: every channel"`
	}
	// ReportFilter is the input of GetReport.
	ReportFilter struct {
		Since string `query:"since" doc:"a duration of virtual time before now, or all; default 30d"`
	}
)

// The endpoints of the admin API.
var (
	Enroll = Endpoint[EnrollInput, EnrollResponse]{
		ID: "enroll", Method: http.MethodPost, Path: "/v1/admin/enrollments", Errors: []int{http.StatusNotFound, http.StatusConflict},
		Summary: "Enroll a customer into a journey, without its entry event and condition; re-entry rules and holdout apply",
	}
	ListEnrollments = Endpoint[EnrollmentFilter, EnrollmentList]{
		ID: "listEnrollments", Method: http.MethodGet, Path: "/v1/admin/enrollments", Errors: []int{http.StatusNotFound},
		Summary: "List enrollments in id order",
	}
	GetEnrollment = Endpoint[EnrollmentID, Status]{
		ID: "getEnrollment", Method: http.MethodGet, Path: "/v1/admin/enrollments/{id}", Errors: []int{http.StatusNotFound},
		Summary: "Show the latest enrollment at a workflow id, its sends and its dead letters",
	}
	SendCommand = Endpoint[CommandInput, Done]{
		ID: "sendCommand", Method: http.MethodPost, Path: "/v1/admin/enrollments/{id}/commands", Errors: []int{http.StatusNotFound},
		Summary: "Cancel, pause or resume an open enrollment",
	}
	PauseJourney = Endpoint[PauseInput, PauseResponse]{
		ID: "pauseJourney", Method: http.MethodPost, Path: "/v1/admin/pause", Errors: []int{http.StatusNotFound},
		Summary: "Pause or resume a journey and all its open enrollments",
	}
	RestartLost = Endpoint[RestartInput, RestartPage]{
		ID: "restartLost", Method: http.MethodPost, Path: "/v1/admin/restart", Errors: []int{http.StatusServiceUnavailable},
		Summary: "Begin a page of enrollments again whose run Temporal has lost, where they were",
	}
	GetCounts = Endpoint[None, Counts]{
		ID: "getCounts", Method: http.MethodGet, Path: "/v1/admin/counts", Summary: "Count events, customers, enrollments and sends",
	}
	GetJourney = Endpoint[JourneyName, JourneyNumbers]{
		ID: "getJourney", Method: http.MethodGet, Path: "/v1/admin/journeys/{name}", Errors: []int{http.StatusNotFound},
		Summary: "Show the numbers of a journey: steps, ends, funnel, control group",
	}
	GetStepCounts = Endpoint[JourneyFilter, StepCounts]{
		ID: "getStepCounts", Method: http.MethodGet, Path: "/v1/admin/step-counts", Errors: []int{http.StatusNotFound},
		Summary: "Count open enrollments by journey, revision and step",
	}
	Migrate = Endpoint[MigrateInput, MigratePage]{
		ID: "migrate", Method: http.MethodPost, Path: "/v1/admin/migrations", Errors: []int{http.StatusNotFound},
		Summary: "Move a page of a journey's open enrollments to the revision of the current release",
	}
	ListMigrations = Endpoint[MigrationFilter, MigrationList]{
		ID: "listMigrations", Method: http.MethodGet, Path: "/v1/admin/migrations", Errors: []int{http.StatusNotFound},
		Summary: "List the migrations to the current revision of a journey",
	}
	ListDeadLetters = Endpoint[DeadLetterFilter, DeadLetterList]{
		ID: "listDeadLetters", Method: http.MethodGet, Path: "/v1/admin/dead-letters",
		Summary: "List outbox entries that Temporal or an enrollment refuses for good",
	}
	RetryDeadLetters = Endpoint[DeadLetterInput, DeadLetterCount]{
		ID: "retryDeadLetters", Method: http.MethodPost, Path: "/v1/admin/dead-letters/retry", Errors: []int{http.StatusNotFound},
		Summary: "Deliver dead letters again",
	}
	DropDeadLetters = Endpoint[DeadLetterInput, DeadLetterCount]{
		ID: "dropDeadLetters", Method: http.MethodPost, Path: "/v1/admin/dead-letters/drop", Errors: []int{http.StatusNotFound},
		Summary: "Delete dead letters",
	}
	ListAddresses = Endpoint[AddressFilter, AddressList]{
		ID: "listAddresses", Method: http.MethodGet, Path: "/v1/admin/addresses",
		Summary: "List addresses that bounced, and those that opted out of marketing",
	}
	ReviveAddress = Endpoint[ReviveInput, ReviveResponse]{
		ID: "reviveAddress", Method: http.MethodPost, Path: "/v1/admin/addresses/revive", Errors: []int{http.StatusNotFound},
		Summary: "Use a dead address again",
	}
	ListRejectedCalls = Endpoint[RejectedCallFilter, RejectedCallList]{
		ID: "listRejectedCalls", Method: http.MethodGet, Path: "/v1/admin/rejected-calls",
		Summary: "List calls that were refused at a door, newest first, without their content",
	}
	GetRejectedCall = Endpoint[RejectedCallID, RejectedCallDetail]{
		ID: "getRejectedCall", Method: http.MethodGet, Path: "/v1/admin/rejected-calls/{id}", Errors: []int{http.StatusNotFound},
		Summary: "Get a refused call with its content",
	}
	DropRejectedCalls = Endpoint[None, RejectedCallCount]{
		ID: "dropRejectedCalls", Method: http.MethodPost, Path: "/v1/admin/rejected-calls/drop",
		Summary: "Delete all refused calls that are kept",
	}
	GetSample = Endpoint[SampleQuery, SampleCustomer]{
		ID: "getSample", Method: http.MethodGet, Path: "/v1/admin/messages/{name}/samples/{customer}", Errors: []int{http.StatusNotFound},
		Summary: "Get what a message sees of a customer, to preview it",
	}
	SendTest = Endpoint[TestSendInput, TestSendResponse]{
		ID: "sendTest", Method: http.MethodPost, Path: "/v1/admin/messages/{name}/tests",
		Errors:  []int{http.StatusForbidden, http.StatusServiceUnavailable},
		Summary: "Send a rendered message to testers; it counts nowhere",
	}
	ExplainDecision = Endpoint[DecisionQuery, Decision]{
		ID: "explainDecision", Method: http.MethodGet, Path: "/v1/admin/decide", Errors: []int{http.StatusNotFound},
		Summary: "Preview a decision with its candidates, and the intents it sees; stores nothing",
	}
	GetReport = Endpoint[ReportFilter, Report]{
		ID: "getReport", Method: http.MethodGet, Path: "/v1/admin/report",
		Summary: "Report what next best actions and journeys achieved",
	}
)
