package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

var began = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// scenario is one order without faults, at one virtual hour in 15 seconds: confirmed by mail and push, shipped in
// time, rated.
type scenario struct {
	facts     *snapshot
	plan      *plan
	providers *providers
	ground    *cluster
	e         *enrollment
}

func newScenario(t *testing.T) *scenario {
	t.Helper()
	g := &cluster{
		o:         options{form: form{scale: 240}},
		clock:     clock.Clock{Origin: began, Epoch: began, Scale: 240},
		revisions: map[string]*journey.Definition{},
	}
	files, err := app.ReadFolder("journeys")
	if err != nil {
		t.Fatal(err)
	}
	content, found := app.Build{}.Check(files)
	if found.Failed(false) {
		t.Fatal(found)
	}
	def := content.Journeys["order"]
	g.revisions[def.Revision()] = def
	at := func(d time.Duration) int64 { return began.Add(d).UnixMilli() }
	s := &scenario{
		ground:    g,
		plan:      &plan{byID: map[string]*plannedEvent{}, byOrder: map[string]*plannedEnrollment{}},
		providers: &providers{records: map[string]*record{}},
		facts:     &snapshot{events: map[string]*storedEvent{}, enrollments: map[string]*enrollment{}, rows: map[string]*sendRow{}},
	}
	for i, name := range []string{"Order Placed", "Order Shipped"} {
		h := s.plan.add(&plannedEvent{id: name, customer: "ana", name: name, order: "o1"})
		came := began.Add(time.Duration(i) * 30 * time.Minute)
		wall := began.Add(time.Duration(i) * 30 * time.Minute / 240)
		h.acknowledged.Store(&wall)
		s.facts.events[name] = &storedEvent{id: name, customer: "ana", name: name, order: "o1", from: came, by: came}
	}
	s.plan.byOrder["o1"] = &plannedEnrollment{journey: "order", customer: "ana", order: "o1"}
	s.plan.passages = append(s.plan.passages, s.plan.byOrder["o1"])
	s.e = &enrollment{
		id:         "e",
		workflow:   "order/ana/o1",
		journey:    "order",
		revision:   def.Revision(),
		customer:   "ana",
		key:        "o1",
		entryEvent: "Order Placed",
		state:      "closed",
		outcome:    contract.Completed,
		entered:    at(0),
		closed:     at(time.Hour),
	}
	s.facts.enrollments["e"] = s.e
	for _, p := range []struct {
		step, kind, arm string
		at              time.Duration
	}{
		{"confirm", "send", "", 0}, {"ping", "send", "", 0}, {"shipped", "wait_for", "1", 30 * time.Minute},
		{"underway", "send", "", 30 * time.Minute},
		{"hook", "send", "", 30 * time.Minute}, {"settle", "wait", "", time.Hour}, {"rate", "send", "", time.Hour},
	} {
		s.e.passed = append(s.e.passed, contract.StepVisit{Step: p.step, Kind: p.kind, Visit: 1, Arm: p.arm, At: began.Add(p.at)})
		for _, step := range def.Steps {
			if send, ok := step.Spec.(*journey.Send); ok && step.ID == p.step {
				row := &sendRow{
					key:        "e/" + p.step + "/1",
					enrollment: "e",
					step:       p.step,
					channel:    send.Via[0],
					category:   send.Category,
					status:     contract.StatusSent,
					at:         at(p.at),
				}
				s.facts.rows[row.key] = row
				s.e.rows = append(s.e.rows, row)
				s.providers.records[row.key] = &record{calls: 1, taken: 1, content: map[string]bool{p.step: true}, channel: row.channel}
			}
		}
	}
	return s
}

// Each fault is found and reported under its kind.
func TestReconcile(t *testing.T) {
	t.Parallel()
	row := func(s *scenario, step string) *sendRow { return s.facts.rows["e/"+step+"/1"] }
	record := func(s *scenario, step string) *record { return s.providers.records["e/"+step+"/1"] }
	for name, c := range map[string]struct {
		spoil func(*scenario)
		want  string // part of the line; empty: no fault
		kind  string
	}{
		"all is well":               {func(*scenario) {}, "", ""},
		"an event is gone":          {func(s *scenario) { delete(s.facts.events, "Order Shipped") }, "is not in the store", "lost"},
		"an event that nobody sent": {func(s *scenario) { s.facts.events["x"] = &storedEvent{id: "x"} }, "that nobody sent", "unexplained"},
		"no enrollment":             {func(s *scenario) { delete(s.facts.enrollments, "e") }, "no enrollment", "lost"},
		"two enrollments": {func(s *scenario) { other := *s.e; other.id = "f"; s.facts.enrollments["f"] = &other },
			"2 enrollments", "duplicate"},
		"still open":           {func(s *scenario) { s.e.state = "open" }, "has not ended", "lost"},
		"a ledger row is gone": {func(s *scenario) { delete(s.facts.rows, "e/ping/1") }, "has no ledger row", "lost"},
		"a row is left":        {func(s *scenario) { row(s, "ping").status = "sending" }, "at the end", "lost"},
		"the push never came":  {func(s *scenario) { record(s, "ping").taken = 0 }, "never accepted it", "lost"},
		"the mail never came":  {func(s *scenario) { record(s, "rate").taken = 0 }, "never accepted it", "lost"},
		"a missing mail with an unknown outcome": {func(s *scenario) { record(s, "rate").taken = 0; row(s, "rate").unknown = true },
			"", ""},
		"a mail came twice":               {func(s *scenario) { record(s, "confirm").taken = 2 }, "was received 2 times", "duplicate"},
		"twice, with its unknown outcome": {func(s *scenario) { record(s, "confirm").taken = 2; row(s, "confirm").doubts = 1 }, "", ""},
		"marketing twice": {func(s *scenario) { record(s, "rate").taken = 2; row(s, "rate").doubts = 1 },
			"was received 2 times", "duplicate"},
		"said under another key": {func(s *scenario) { record(s, "hook").content = map[string]bool{"underway": true} },
			"was sent under", "duplicate"},
		"a push of no row": {func(s *scenario) { s.providers.records["x"] = &record0 }, "not in the ledger", "unexplained"},
		"failed without a refusal": {func(s *scenario) {
			row(s, "rate").status, s.e.passed[6].Arm = "failed", journey.ArmFailure
			record(s, "rate").taken = 0
		}, "did not refuse", "unexplained"},
		"over before its time": {func(s *scenario) { s.e.passed[5].At = began.Add(40 * time.Minute) }, "before it was due", "unexplained"},
		"another path":         {func(s *scenario) { s.e.passed[3].Step = "delayed" }, "the path leads to underway", "unexplained"},
		"another outcome":      {func(s *scenario) { s.e.outcome = "given-up" }, "ended as", "unexplained"},
		"an answer ignored":    {func(s *scenario) { s.e.passed[2].Arm = journey.ArmTimeout }, "arrived in time", "unexplained"},
		"an answer out of nowhere": {func(s *scenario) { s.facts.events["Order Shipped"].from = began.Add(5 * time.Hour) },
			"no event arrived in time", "unexplained"},
		"late": {func(s *scenario) { row(s, "rate").at = began.Add(20 * time.Hour).UnixMilli() }, "after it was due", "late"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScenario(t)
			c.spoil(s)
			r := reconcile(s.facts, s.plan, s.providers, s.ground, &faultLog{})
			all := map[string][]string{"lost": r.lost, "duplicate": r.duplicates, "late": r.latest(), "unexplained": r.unknowns}
			if c.want == "" {
				for kind, lines := range all {
					if len(lines) > 0 {
						t.Errorf("%s: %q", kind, lines)
					}
				}
			} else if !strings.Contains(strings.Join(all[c.kind], "\n"), c.want) {
				t.Errorf("no line %q under %s: %q", c.want, c.kind, all)
			}
		})
	}
}
