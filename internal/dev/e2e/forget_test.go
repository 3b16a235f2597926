package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/erasure"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A customer whose id, traits, events, texts and addresses are canaries is forgotten while its journeys run: after that no column of the
// database, no run in Temporal, open or closed, and no log has one of them.
func TestForgottenCustomerIsUnreadable(t *testing.T) {
	t.Parallel()
	logs := &buffer{}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	h := open(t, settings{
		files: folder(map[string]string{"care.yaml": care, "nudge.yaml": nudge}), postgres: true,
		log:  zap.New(zapcore.NewCore(encoder, zapcore.AddSync(logs), zapcore.InfoLevel)),
		more: func(c *app.Config) { c.TemporalTrusted = true },
	})
	ctx := context.Background()
	h.start("background", h.app.Background().Run)
	h.call("identify", map[string]any{"anonymousId": "canary-device", "traits": map[string]any{"email": "canary@example.com"}})
	h.call("track", map[string]any{"anonymousId": "canary-device", "event": "Start", "properties": map[string]any{"k": "canary-1"}})
	h.call("identify", map[string]any{"anonymousId": "canary-device", "userId": "canary-ana",
		"traits": map[string]any{"first_name": "Canary Ana", "phone": "+49 30 7654321"}})
	h.parked("nudge/anon:canary-device/canary-1", "reply")
	h.track("canary-ana", "Trouble", "canary-message", map[string]any{"text": "canary text"})
	h.parked("care/canary-ana", "person")
	h.track("canary-ana", "Start", "", map[string]any{"k": "canary-2"})
	h.parked("nudge/canary-ana/canary-2", "reply")
	h.track("canary-ana", "Left", "", nil) // a closed run too
	h.ended("nudge/canary-ana/canary-2", "left")
	run, err := h.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "t1", TaskQueue: contract.TaskQueue}, contract.TrackType,
		contract.TrackInput{UserID: "canary-ana", Event: "Start", Properties: map[string]any{"k": "canary-3"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(ctx, nil); err != nil {
		t.Fatal(err)
	}
	h.customer("ben")
	h.track("ben", "Trouble", "", map[string]any{"text": "help"})
	h.parked("care/ben", "person")
	if found := h.runsWith("canary"); len(found) == 0 {
		t.Fatal("no run has a canary before: are they looked at?")
	}

	asked, err := h.Store.Erasure.Start(ctx, clock.Now(h.clock), "canary-ana", "ticket 12", "sam", false)
	if err != nil {
		t.Fatal(err)
	}
	late := h.track("canary-ana", "Trouble", "", map[string]any{"text": "canary again"})
	same(t, "a late event has no customer", late.Receipts[0].Customer, "")
	await(t, "the customer to be forgotten", func() error {
		r, err := h.Store.Erasure.Get(ctx, asked.ID)
		if err == nil && r.State != erasure.Done {
			err = fmt.Errorf("it is %s: %+v", r.State, r.Report)
		}
		asked = r
		return err
	})
	same(t, "runs left", asked.Report.Runs.Left, int64(0))
	if asked.Report.Runs.Deleted < 4 {
		t.Errorf("%d runs were deleted, want at least 4", asked.Report.Runs.Deleted)
	}
	h.settled()
	await(t, "visibility to forget too", func() error {
		if found := h.runsWith("canary"); len(found) > 0 {
			return fmt.Errorf("runs: %s", found)
		}
		return nil
	})
	for _, row := range h.rowsWith("canary", "7654321") {
		t.Errorf("the database has: %s", row)
	}
	if i := strings.Index(strings.ToLower(logs.String()), "canary"); i >= 0 {
		text := logs.String()
		t.Errorf("the logs have: …%s…", text[max(i-200, 0):min(i+100, len(text))])
	}
	h.parked("care/ben", "person") // nothing of others is gone
}

// runsWith returns the runs of the namespace whose description or history has a text.
func (h *installation) runsWith(text string) (out []string) {
	h.Helper()
	ctx := context.Background()
	list, err := h.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	if err != nil {
		h.Fatal(err)
	}
	for _, run := range list.GetExecutions() {
		var all bytes.Buffer
		all.WriteString(protojson.Format(run))
		for _, payload := range payloads(run.ProtoReflect()) {
			all.Write(payload.Data)
		}
		events := h.Temporal.GetWorkflowHistory(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), false, 0)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				break // it was deleted meanwhile
			}
			all.WriteString(protojson.Format(e))
			for _, payload := range payloads(e.ProtoReflect()) {
				all.Write(payload.Data)
			}
		}
		if strings.Contains(strings.ToLower(all.String()), text) {
			out = append(out, run.GetType().GetName()+" "+run.GetExecution().GetWorkflowId())
		}
	}
	return out
}

// rowsWith returns the rows of all tables that have one of texts.
func (h *installation) rowsWith(texts ...string) (out []string) {
	h.Helper()
	ctx := context.Background()
	var tables []string
	db := h.Store.Database.Reader
	err := sqldb.Rows(ctx, db, func(r *sql.Rows) error {
		var name string
		defer func() { tables = append(tables, name) }()
		return r.Scan(&name)
	}, `select tablename from pg_tables where schemaname = current_schema()`)
	for _, table := range tables {
		if err != nil {
			break
		}
		err = sqldb.Rows(ctx, db, func(r *sql.Rows) error {
			var row string
			if err := r.Scan(&row); err != nil {
				return err
			}
			for _, text := range texts {
				if strings.Contains(strings.ToLower(row), text) {
					out = append(out, table+": "+row)
				}
			}
			return nil
		}, `select row_to_json(t)::text from `+table+` t`)
	}
	if err != nil {
		h.Fatal(err)
	}
	return out
}
