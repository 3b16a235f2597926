package activities

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestRecordReadsAsTheGatewayDoes(t *testing.T) {
	b := setup(t, nil)
	b.activities.cfg.Doors = rejection.NewRecorder(b.store.Rejections, zap.NewNop(), prometheus.NewRegistry())
	calls := 0
	track := func(raw string) error {
		calls++
		_, err := b.activities.Record(t.Context(), contract.Record{Raw: json.RawMessage(raw), ID: fmt.Sprintf("w%d", calls)})
		return err
	}
	for _, raw := range []string{
		`{"messageId":"t1","userId":7,"event":"X","properties":[]}`,
		`{"userId":"7","event":"X","properties":{"q":"a\u0000","n":820982911946154509},"timestamp":"2026-03-02 09:00:00"}`,
		`{"messageId":"t3","type":"Identify","userId":"7","traits":{"city":"Kyoto"},` +
			`"context":{"device":{"token":"t"},"timezone":"Asia/Tokyo"}}`,
	} {
		if err := track(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	got, err := b.store.Customers.Get(t.Context(), "7")
	want := map[string]any{"city": "Kyoto", "timezone": "Asia/Tokyo", "from_device": map[string]any{"timezone": "Asia/Tokyo"}}
	if diff := cmp.Diff(want, got.Traits); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	signal := contract.Record{Enrollment: b.ref.Enrollment, Call: contract.TrackInput{
		Type: "track", Event: "Unsubscribed", MessageID: "s1",
	}}
	protected := []string{
		`{"userId":"8","type":"identify","traits":{"email":"evil@example.com"}}`,
		`{"userId":"8","type":"identify","context":{"traits":{"consent":{"marketing":true}}}}`,
		`{"userId":"8","event":"Email Bounced","properties":{"address":"a@example.com"}}`,
	}
	refused := append([]string{
		`[]`, `null`, `7`, `{}`, `{"userId":"8"}`, `{"event":"X"}`, `{"userId":"undefined","event":"X"}`, `{"userId":"8","event":"tabi.x"}`,
		`{"userId":"anon:8","event":"X"}`, `{"userId":"8\u0000","event":"X"}`, `{"userId":"8","event":"X","properties":{"p":"` +
			strings.Repeat("x", 40<<10) + `"}}`, `{"userId":"8","event":"` + strings.Repeat("x", 300) + `"}`,
		`{"userId":"8","type":"tell","event":"X"}`,
	}, protected...)
	invalid := func(err error) bool {
		var no *temporal.ApplicationError
		return errors.As(err, &no) && no.Type() == contract.RejectInvalid && no.NonRetryable()
	}
	for _, raw := range refused {
		if err := track(raw); !invalid(err) {
			t.Errorf("%.60s: %v", raw, err)
		}
	}
	if _, err := b.activities.Record(t.Context(), signal); !invalid(err) {
		t.Errorf("a protected signal: %v", err)
	}
	kept, err := b.store.Rejections.List(t.Context(), rejection.Filter{Code: "forbidden"})
	if err != nil || len(kept) != 4 || kept[0].Door != rejection.Signal || kept[1].Door != rejection.Track {
		t.Errorf("%v: kept %+v", err, kept)
	}
	if _, err := b.store.Customers.Get(t.Context(), "8"); err == nil {
		t.Error("what was refused left a customer")
	}
	b.activities.cfg.Trusted = true
	for _, raw := range protected {
		if err := track(raw); err != nil {
			t.Errorf("trusted: %s: %v", raw, err)
		}
	}
	if _, err := b.activities.Record(t.Context(), signal); err != nil {
		t.Errorf("trusted: %v", err)
	}
}
