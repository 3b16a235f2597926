package activities

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestMoment(t *testing.T) {
	t.Parallel()
	tokyo, _ := localtime.Zone("Asia/Tokyo")
	for _, c := range []struct {
		value any
		zone  *time.Location
		want  time.Time // zero: none
	}{
		{"2026-03-08", tokyo, time.Date(2026, 3, 7, 15, 0, 0, 0, time.UTC)},
		{"2026-03-08", time.UTC, time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)},
		{"2026-03-08T10:00:00+09:00", time.UTC, time.Date(2026, 3, 8, 1, 0, 0, 0, time.UTC)},
		{"2026-03-08T10:00:00.5Z", tokyo, time.Date(2026, 3, 8, 10, 0, 0, 5e8, time.UTC)},
		{time.Date(2026, 3, 8, 0, 0, 0, 0, tokyo), time.UTC, time.Date(2026, 3, 7, 15, 0, 0, 0, time.UTC)},
		{"soon", time.UTC, time.Time{}},
		{12.0, time.UTC, time.Time{}},
		{nil, time.UTC, time.Time{}},
	} {
		got, ok := parseMoment(c.value, c.zone, 0)
		if ok == c.want.IsZero() || ok && !got.Equal(c.want) {
			t.Errorf("%v: %v %v, want %v", c.value, got, ok, c.want)
		}
	}
	if at, ok := parseMoment("9999-12-31", tokyo, 100*24*time.Hour); !ok || !at.Equal(maxMoment) {
		t.Errorf("an offset moves a moment to %s, which RFC 3339 cannot write", at)
	}
	if stepZone("", map[string]any{"timezone": "Asia/Tokyo"}).String() != "Asia/Tokyo" || stepZone("customer", nil) != time.UTC ||
		stepZone("", map[string]any{"timezone": "Mars/Olympus"}) != time.UTC || stepZone("Europe/Lisbon", nil).String() != "Europe/Lisbon" {
		t.Error("the zone is the step's, else the customer's, else UTC")
	}
}

func TestEvaluate(t *testing.T) {
	b := setup(t, map[string]any{"points": 12, "ends": "2026-05-01", "timezone": "Asia/Tokyo"})
	in := contract.Evaluate{Ref: b.ref, EvalContext: contract.EvalContext{EntryEvent: b.event, Vars: map[string]any{"tries": 2}},
		Exprs: []expr.Expr{"customer.points * 2 + vars.tries", "customer.nothing == 1", `count("Subscribed") > 0`}}
	got, err := b.activities.Evaluate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := contract.EvaluateResult{Values: []any{26.0, nil, true}, Missing: []bool{false, true, false},
		Why: []string{"", "nothing is missing", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	in.Exprs, in.Moment = []expr.Expr{"customer.ends"}, &contract.MomentSpec{Offset: -48 * time.Hour}
	if got, err = b.activities.Evaluate(t.Context(), in); err != nil || got.Values[0] != "2026-04-28T15:00:00Z" {
		t.Error(got, err)
	}
}

// The clocks of the zone say when: the customer's, a named one, UTC where neither is known.
func TestEvaluateLocalTime(t *testing.T) {
	b := setup(t, map[string]any{"timezone": "Asia/Tokyo"})
	now := time.Date(2026, 3, 2, 0, 30, 0, 0, time.UTC) // Monday, 09:30 in Tokyo
	b.activities.cfg.Now = func(clock.Clock) time.Time { return now }
	for _, c := range []struct {
		moment contract.MomentSpec
		want   any
	}{
		{contract.MomentSpec{At: "10:00"}, "2026-03-02T01:00:00Z"},
		{contract.MomentSpec{At: "09:30"}, "2026-03-03T00:30:00Z"}, // now means the next day
		{contract.MomentSpec{At: "09:00", Timezone: "customer"}, "2026-03-03T00:00:00Z"},
		{contract.MomentSpec{At: "09:00", Days: []string{"mon"}}, "2026-03-09T00:00:00Z"},
		{contract.MomentSpec{At: "09:00", Days: []string{"wed", "sat"}}, "2026-03-04T00:00:00Z"},
		{contract.MomentSpec{At: "09:00", Timezone: "Europe/Lisbon"}, "2026-03-02T09:00:00Z"},
		{contract.MomentSpec{At: "02:30", Timezone: "America/New_York", Days: []string{"sun"}}, "2026-03-08T07:00:00Z"},
		// skipped by summer time
		{contract.MomentSpec{At: "09:00", Timezone: "Mars/Olympus"}, "2026-03-02T09:00:00Z"},
		{contract.MomentSpec{At: "noon"}, nil},
	} {
		got, err := b.activities.Evaluate(
			t.Context(),
			contract.Evaluate{Ref: b.ref, EvalContext: contract.EvalContext{EntryEvent: b.event}, Moment: &c.moment},
		)
		if err != nil || len(got.Values) != 1 || got.Values[0] != c.want || got.Missing[0] != (c.want == nil) {
			t.Errorf("%+v: got %+v %v, want %v", c.moment, got, err, c.want)
		}
	}
}

func TestAssign(t *testing.T) {
	b := setup(t, map[string]any{"points": 12, "address": map[string]any{"city": "Kyoto", "zip": "600"}})
	in := contract.Assign{
		Ref:         b.ref,
		EvalContext: contract.EvalContext{EntryEvent: b.event},
		Key:         b.ref.Enrollment + "/set/1",
		Assign: []journey.Assignment{
			{Target: "customer", Name: "points", Value: "customer.points + 1"},
			{Target: "customer", Name: "double", Value: "customer.points * 2"},
			{Target: "customer", Name: "address.city", Value: `"Nara"`},
			{Target: "customer", Name: "stage", Value: "customer.nothing"},
		},
	}
	for range 2 { // a repeat changes nothing
		if _, err := b.activities.Assign(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	ana, err := b.store.Customers.Get(t.Context(), "ana")
	if err != nil {
		t.Fatal(err)
	}
	_, staged := ana.Traits["stage"]
	want := map[string]any{"city": "Nara", "zip": "600"}
	if ana.Traits["points"] != 13.0 || ana.Traits["double"] != 26.0 || staged || !cmp.Equal(ana.Traits["address"], any(want)) {
		t.Errorf("%v", ana.Traits)
	}
}
