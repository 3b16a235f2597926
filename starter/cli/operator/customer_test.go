package operator_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/starter/cli"
)

// customerGateway is a gateway with a customer of whom every room knows something, and another one.
func customerGateway(t *testing.T) (s *enginetest.Suite, tabi func(args ...string) (status int, out string)) {
	t.Helper()
	s = enginetest.New(t, ":memory:")
	s.PublishOffers()
	s.Ingest(enginetest.Noon, s.Identify("ben", enginetest.Props{"email": "ben@example.com"}))
	device := s.Track("", "Product Viewed", enginetest.Props{"sku": "T-800", "tags": []any{"new", "red"},
		"for": map[string]any{"size": "<b>XL</b>"}})
	device.AnonymousID = "zaphod-device"
	known := s.Identify("zaphod", enginetest.Props{"email": "zaphod@example.com", "first_name": "Zaphod", "timezone": "Asia/Tokyo"})
	known.AnonymousID = "zaphod-device"
	s.Ingest(enginetest.Noon, device, known)
	e := s.OpenAt(s.Enter("zaphod", enginetest.Props{"cart_id": "c1"}).WorkflowID)
	s.Decide(s.NewDecide(e, e.ID+"/decision"), enginetest.Noon)
	s.OpenHandoff(e, e.ID+"/handoff", "high", enginetest.Noon)
	_, err := s.TryReserve(enginetest.Noon, s.NewSend(e, e.ID+"/send"), enginetest.Props{})
	s.Must(err)
	_, err = s.Offers.DecideInbound(s.Ctx, enginetest.Noon, offer.Inbound{UserID: "zaphod", Group: "offers", RequestID: "asks"})
	s.Must(err)
	secrets := signedlink.MustSecrets("customer-commands-are-tested-with-it")
	g, err := gateway.New(gateway.Config{
		Rooms: app.GatewayRooms(s.Engine), Ping: s.Database.Ping, PublicURL: "http://localhost",
		Secrets: secrets, LinkSecrets: secrets,
		Tokens: []auth.Token{{Value: "customer-commands", Name: "sam", Role: access.Admin}},
	})
	s.Must(err)
	token := filepath.Join(t.TempDir(), "token")
	s.Must(os.WriteFile(token, []byte("customer-commands"), 0o600))
	server := httptest.NewServer(g.Handler())
	t.Cleanup(server.Close)
	return s, func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		args = append(append([]string{"customer"}, args...), "--url", server.URL, "--token", "@"+token)
		status := cli.Run(t.Context(), app.Build{}, args, &out, &errs)
		return status, out.String() + errs.String()
	}
}

// TestExportCommand: the copy is one JSON document with every list, with all entries of long ones, and with nothing of others.
func TestExportCommand(t *testing.T) {
	t.Parallel()
	s, tabi := customerGateway(t)
	const looks = 1234 // more than one page has
	for range looks {
		s.Must(s.Audit.Record(s.Ctx, audit.Entry{Who: "kim", Role: "agent", What: "customer.correct", Customer: "zaphod"}))
	}
	for n := range 700 {
		s.Ingest(enginetest.Noon, s.Track("zaphod", "Seen", enginetest.Props{"n": n}))
	}
	status, out := tabi("export", "anon:zaphod-device")
	s.Equal(status, 0)
	var copied map[string]json.RawMessage
	s.Must(json.Unmarshal([]byte(out), &copied))
	s.Equal(string(copied["customer"]), `"zaphod"`)
	for list, least := range map[string]int{
		"customers": 2, "merges": 1, "customer_timezones": 1, "addresses": 1, "events": 702, "enrollments": 1, "sends": 2, "handoffs": 1,
		"decisions": 2, "offers": 1, "outbox": 0, "audit_log": looks,
	} {
		var rows []map[string]any
		s.Must(json.Unmarshal(copied[list], &rows))
		if len(rows) < least {
			t.Errorf("%s: %d rows, want at least %d", list, len(rows), least)
		}
	}
	for _, other := range []string{"ben", "kim", "customer-commands"} {
		if strings.Contains(out, other) {
			t.Errorf("the copy has %q", other)
		}
	}
	status, _ = tabi("export", "nobody")
	s.Equal(status, 1)
}

// TestExportPage: the page for the customer says the same in words, and shows what customers sent as text.
func TestExportPage(t *testing.T) {
	t.Parallel()
	s, tabi := customerGateway(t)
	status, out := tabi("export", "zaphod", "--html")
	s.Equal(status, 0)
	for _, text := range []string{"<title>What is stored about you</title>", "Product Viewed", "&lt;b&gt;XL&lt;/b&gt;", "<li>red</li>",
		"Who looked at your data", "zaphod@example.com", "Nothing is stored.", "2 March 2026, 12:00:00 UTC", "</html>"} {
		if !strings.Contains(out, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	for _, text := range []string{"<b>XL</b>", "ben@example.com"} {
		if strings.Contains(out, text) {
			t.Errorf("the page has %q", text)
		}
	}
	if file := os.Getenv("TABI_SHOW_PAGE"); file != "" {
		s.Must(os.WriteFile(file, []byte(out), 0o600))
	}
}

// TestForgetCommand: a dry run counts what would go, the command says what is done, and the report stays.
func TestForgetCommand(t *testing.T) {
	t.Parallel()
	s, tabi := customerGateway(t)
	s.Must(s.Audit.Record(s.Ctx, audit.Entry{Who: "kim", What: "customer.correct", Customer: "zaphod"}))
	status, out := tabi("forget", "zaphod", "--reason", "ticket 12", "--dry-run", "-o", "json")
	s.Equal(status, 0)
	type report struct {
		Request, State string
		IDs            int
		Tables         map[string]struct{ Erased, Pseudonymized int }
	}
	var dry report
	s.Must(json.Unmarshal([]byte(out), &dry))
	s.Equal([]any{dry.Request, dry.IDs, dry.Tables["customers"].Erased, dry.Tables["audit_log"].Pseudonymized}, []any{"", 2, 2, 1})
	s.Equal(s.Customer("zaphod").ID, "zaphod")

	for _, reason := range []string{"", "Zaphod asked"} {
		if status, out = tabi("forget", "zaphod", "--reason", reason); status == 0 {
			t.Errorf("the reason %q is taken: %s", reason, out)
		}
	}
	status, out = tabi("forget", "zaphod", "--reason", "ticket 12", "--no-wait", "-o", "json")
	s.Equal(status, 0)
	var asked report
	s.Must(json.Unmarshal([]byte(out), &asked))
	s.Equal(asked.State, "ending")
	finishForget(s, asked.Request)
	status, out = tabi("forget", "--report", asked.Request, "-o", "json")
	s.Equal(status, 0)
	var done report
	s.Must(json.Unmarshal([]byte(out), &done))
	s.Equal(done.State, "done")
	for table, planned := range dry.Tables {
		got := done.Tables[table]
		if planned.Erased+planned.Pseudonymized > got.Erased+got.Pseudonymized && table != "outbox" {
			t.Errorf("%s: planned %+v, done %+v", table, planned, got)
		}
	}
	status, out = tabi("forget", "--report", asked.Request)
	if status != 0 || strings.Contains(out, "zaphod") || !strings.Contains(out, "customers") {
		t.Errorf("the report is %d: %s", status, out)
	}
	status, out = tabi("forget", "zaphod", "--reason", "ticket 12")
	if status == 0 || !strings.Contains(out, "was forgotten") {
		t.Errorf("once more: %d %s", status, out)
	}
	if status, out = tabi("export", "zaphod"); status == 0 {
		t.Errorf("an export of a forgotten customer: %s", out)
	}
	if status, out = tabi("remember", "zaphod"); status != 0 {
		t.Errorf("remember: %s", out)
	}
}

// finishForget does the steps of the workflow Forget.
func finishForget(s *enginetest.Suite, request string) {
	s.T.Helper()
	_, err := s.Erasure.End(s.Ctx, enginetest.Noon, request, "")
	s.Must(err)
	open, err := s.Erasure.OpenEnrollments(s.Ctx, request)
	s.Must(err)
	for _, e := range open {
		s.Must(s.Erasure.CloseEnrollment(s.Ctx, enginetest.Noon, request, e.ID))
	}
	s.Must(s.Erasure.Delete(s.Ctx, enginetest.Noon, request))
	for more := true; more; {
		more, err = s.Erasure.Erase(s.Ctx, enginetest.Noon, request)
		s.Must(err)
	}
}
