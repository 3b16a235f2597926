package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const fuzzedJourney = `
journey: cart
entry: {event: Cart Updated, key: event.cart_id, reentry: always}
goal: {event: Order Completed, when: event.total > 0}
steps: [{wait_for: {event: Checkout}, timeout: 1d}]
`

// FuzzTrack sends what comes over Temporal, from the workflow Track or from a signal to a run, to a store. What is refused is refused for
// good, so that no workflow tries for ever, and leaves nothing; what is stored leaves a bounded number of rows.
func FuzzTrack(f *testing.F) {
	for _, seed := range []string{
		`{"messageId":"t1","userId":7,"event":"Cart Updated","properties":{"cart_id":1,"total":60}}`,
		`{"userId":"7","event":"Order Completed","properties":{"total":1e400,"n":820982911946154509},"timestamp":"2026-03-02 09:00:00"}`,
		`{"type":"Identify","userId":"7","traits":{"city":"Kyoto","a":{"b":{"c":[1,{"d":null}]}}},"context":{"timezone":"Asia/Tokyo"}}`,
		`{"type":"alias","userId":"a","previousId":"b"}`, `{"type":"group","userId":"a","groupId":"g","traits":[]}`,
		`{"type":"page","anonymousId":"a\u0000","name":"Home"}`, `[]`, `null`, `"x"`, `{`, `{"userId":"\ud800","event":"X"}`,
		`{"userId":"7","event":"X","context":{"backfill":true},"timestamp":"0001-01-01"}`, "\xff\xfe{",
		`{"traits":{"email":"e@example.com"}}`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	s, err := engine.Open(f.Context(), engine.Options{URL: filepath.Join(f.TempDir(), "tabi.db"), Channels: channels.Shipped().Specs()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	content, problems := lint.Check([]lint.File{{Name: "cart.yaml", Data: []byte(fuzzedJourney)}},
		lint.Options{Channels: channels.Shipped().Specs()})
	if problems.Failed(false) {
		f.Fatal(problems)
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	if _, err := s.Catalog.Publish(f.Context(), now, content); err != nil {
		f.Fatal(err)
	}
	first, err := s.Intake.Ingest(f.Context(), now, []customer.SegmentCall{{Type: "track", MessageID: "first", UserID: "ana",
		Event: "Cart Updated", Properties: map[string]any{"cart_id": "k"}}})
	if err != nil {
		f.Fatal(err)
	}
	list, err := s.Enrollments.List(f.Context(), enrollment.Filter{WorkflowID: first[0].Entered[0]})
	if err != nil || len(list) != 1 {
		f.Fatal(err, list)
	}
	a := New(Config{Rooms: roomsOf(s), Doors: rejection.NewRecorder(s.Rejections, zap.NewNop(), prometheus.NewRegistry())})
	rows := func(t *testing.T) (out [4]int64) {
		c, err := s.Analytics.Counts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		out = [4]int64{c.Events, c.Customers, c.Pending}
		for _, open := range c.Open {
			out[3] += open
		}
		return out
	}
	n := 0
	f.Fuzz(func(t *testing.T, raw []byte, signal bool) {
		n++
		in := contract.Record{Raw: raw, ID: fmt.Sprint("workflow-", n)}
		if signal {
			in = contract.Record{Enrollment: list[0].ID, ID: in.ID}
			var e contract.Event
			if json.Unmarshal(raw, &e) != nil {
				return // the run refuses it: see FuzzSignals
			}
			in.Call = contract.TrackInput{Type: "track", MessageID: e.ID, Event: e.Name}
			_ = json.Unmarshal(raw, &in.Call)
		}
		before := rows(t)
		got, err := a.Record(context.Background(), in)
		after := rows(t)
		var refused *temporal.ApplicationError
		switch {
		case err != nil && (!errors.As(err, &refused) || refused.Type() != contract.RejectInvalid || !refused.NonRetryable()):
			t.Fatalf("Temporal would repeat it: %v", err)
		case err != nil && after != before:
			t.Fatalf("%v, and the rows were %v and are %v", err, before, after)
		case err == nil && got.ID == "":
			t.Fatal("stored without an id")
		}
		if grown := after[2] - before[2]; after[0]-before[0] > 1 || after[1]-before[1] > 3 || grown > 1000 {
			t.Fatalf("one call: the rows were %v and are %v", before, after)
		}
		if n%2000 == 0 {
			bounded(t, n)
		}
	})
}

// bounded fails if the process has grown by more than a constant.
func bounded(t *testing.T, n int) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 256<<20 {
		t.Fatalf("after %d inputs the process holds %d MiB", n, m.HeapAlloc>>20)
	}
}
