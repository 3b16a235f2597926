package lint

import (
	"maps"
	"math"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

type journeyCheck struct {
	exprCheck
	def      *journey.Definition
	varNames map[string]bool // declared, or set by a step
	paths    map[string]*pathTree
	order    []*pathTree // as in Definition.Paths
	all      []*stepTree // in the order of the program
	targets  []rerouteTree
	astray   bool     // a reroute could not be read: it may lead anywhere
	rerouted []string // paths that a misspelled go_to probably means

	scheduleAt source.Pos // of the entry's schedule
}

type pathTree struct {
	name  string
	at    source.Pos
	steps []*stepTree
}

// journeyFile checks and compiles a journey.
func (f *fileCheck) journeyFile() {
	if f.Root == nil {
		return
	}
	j := &journeyCheck{
		exprCheck: exprCheck{fileCheck: f},
		def:       &journey.Definition{Timeout: journey.DefaultTimeout},
		varNames:  map[string]bool{},
		paths:     map[string]*pathTree{},
	}
	m := f.Mapping(f.Root, "a journey")
	if m == nil {
		f.unsure = true
		return
	}
	j.def.Journey = f.Name(m.Need("journey", "a journey needs its name"), "journey")
	j.OptionalText(m, "description", &j.def.Description)
	j.OptionalText(m, "owner", &j.def.Owner)
	if n := m.Need("entry", "a journey needs an entry"); n != nil {
		j.entry(n)
	}
	j.vars(m.Get("vars"))
	if n := m.Get("goal"); n != nil {
		j.goal(n)
	} else {
		f.Report(f.Root.Pos, "no-goal", "", "the journey has no goal: its success cannot be measured")
	}
	if n := m.Get("exit"); n != nil {
		j.exits(n)
	}
	if n := m.Get("reroute"); n != nil {
		j.reroute(n)
	}
	if n := m.Get("timeout"); n != nil {
		if d, ok := f.Duration(n, "timeout", false); ok && d == 0 {
			f.Report(n.Pos, "bad-value", "", "a journey must last longer than 0s")
		} else if ok {
			j.def.Timeout = d
		}
	}
	j.readPaths(m)
	j.otherWords(m)
	m.Done()
	j.finish()
}

// finish compiles what was read and checks the whole.
func (j *journeyCheck) finish() {
	j.flatten()
	j.reroutes()
	j.checkUses()
	j.graph()
	j.timing()
	j.rhythm()
	if j.Errors == 0 {
		if err := j.def.Validate(); err != nil {
			j.Report(j.Root.Pos, "bad-value", "", "%v", err)
			return
		}
		j.size()
	}
	j.journey = j
}

// keepJourney adds a journey without errors to the content.
func (f *fileCheck) keepJourney() {
	j := f.journey
	if j == nil || j.def.Journey == "" {
		return
	}
	if other, taken := f.journeys[j.def.Journey]; taken {
		if f.Errors == 0 {
			f.Report(f.Root.Pos, "duplicate-id", "", "the journey %q is also in %s", j.def.Journey, other)
		}
		return
	}
	j.places()
	if f.Errors > 0 {
		return
	}
	f.journeys[j.def.Journey] = f.File
	f.Content.Journeys[j.def.Journey] = j.def
}

// places records the positions of the steps, also of a journey with errors.
func (j *journeyCheck) places() {
	at := map[string]source.Place{}
	for _, s := range j.all {
		if _, taken := at[s.id]; !taken {
			at[s.id] = source.Place{File: j.File, Line: s.at.Line, Column: s.at.Col}
		}
	}
	j.Content.Places[j.def.Journey] = at
}

func (j *journeyCheck) entry(n *source.Node) {
	m := j.Mapping(n, "entry")
	if m == nil {
		return
	}
	e := &j.def.Entry
	event, when, schedule := m.Get("event"), m.Get("when"), m.Get("schedule")
	switch {
	case schedule != nil:
		if event != nil {
			j.Report(m.Key("event"), "unknown-key", "", "an entry by schedule has no event: use one or the other")
		}
		e.Schedule, j.scheduleAt = j.schedule(schedule), schedule.Pos
	case event != nil:
		e.Events, _ = j.Words(event, "event")
	case when == nil:
		j.Report(
			n.Pos,
			"missing-key",
			"",
			"%q is missing: an entry is an event, a condition that turns true (when), or a schedule",
			"event",
		)
	}
	e.When = j.expr(when, expr.Bool)
	e.Key = j.expr(m.Get("key"), expr.Text)
	e.Reentry = journey.ReentryAfterExit
	if r := m.Get("reentry"); r != nil {
		j.reentry(r)
	}
	if h := m.Get("holdout"); h != nil {
		e.Holdout, _ = j.Number(h, "holdout (percent)", 0, 100)
	}
	m.Done()
}

// schedule reads the schedule of an entry.
func (j *journeyCheck) schedule(n *source.Node) *journey.Schedule {
	s := &journey.Schedule{}
	if n.IsText() && syntax.ClockTime.MatchString(n.Text) {
		j.Report(n.Pos, "wrong-type", `{at: "`+n.Text+`"}`, "schedule is a mapping: write {at: …}")
		return s
	}
	(&syntax.Reader{Document: j.Document, Step: &syntax.Step{}}).Part(n, "schedule", s)
	return s
}

func (j *journeyCheck) reentry(n *source.Node) {
	if n.Shape != source.Map {
		if n.IsText() && n.Text == journey.ReentryAfter {
			j.Report(n.Pos, "bad-value", "{after: 7d}", "after needs a duration")
			return
		}
		if mode, ok := j.OneOf(n, "reentry", journey.ReentryNever, journey.ReentryAlways, journey.ReentryAfterExit, "{after: 7d}"); ok {
			j.def.Entry.Reentry = mode
		}
		return
	}
	m := j.Mapping(n, "reentry")
	if m == nil {
		return
	}
	if after := m.Need("after", "reentry as a mapping needs a duration (after)"); after != nil {
		if d, ok := j.Duration(after, "after", false); ok {
			j.def.Entry.Reentry, j.def.Entry.After = journey.ReentryAfter, d
		}
	}
	m.Done()
}

func (j *journeyCheck) vars(n *source.Node) {
	if n == nil {
		return
	}
	m := j.Mapping(n, "vars")
	if m == nil {
		return
	}
	j.def.Vars = map[string]any{}
	for i, key := range n.Keys {
		if key.Shape != source.Scalar || !journey.VariableName.MatchString(key.Text) {
			j.Report(key.Pos, "bad-value", "", "the name of a variable consists of letters, digits and _")
			continue
		}
		j.varNames[key.Text] = true
		j.def.Vars[key.Text] = j.Value(n.Values[i])
	}
	if len(j.def.Vars) == 0 {
		j.def.Vars = nil
	}
}

func (j *journeyCheck) goal(n *source.Node) {
	m := j.Mapping(n, "goal")
	if m == nil {
		return
	}
	g := &journey.Goal{}
	event, when := m.Get("event"), m.Get("when")
	if event == nil && when == nil {
		j.Report(n.Pos, "missing-key", "", "%q is missing: the event that reaches the goal", "event")
	}
	if event != nil {
		g.Events, _ = j.Words(event, "event")
	}
	g.When = j.expr(when, expr.Bool)
	g.Value = j.expr(m.Get("value"), expr.Number)
	if w := m.Get("within"); w != nil {
		g.Within, _ = j.Duration(w, "within", false)
	}
	m.Done()
	j.def.Goal = g
}

func (j *journeyCheck) exits(n *source.Node) {
	items, _ := j.List(n, "exit")
	for _, item := range items {
		m := j.Mapping(item, "an exit rule")
		if m == nil {
			continue
		}
		rule := journey.ExitRule{Outcome: "exited"}
		event, when := m.Get("event"), m.Get("when")
		if event == nil && when == nil {
			j.Report(item.Pos, "missing-key", "", "%q is missing: an exit rule has an event, a condition or both", "event")
		}
		if event != nil {
			rule.Events, _ = j.Words(event, "event")
		}
		rule.When = j.expr(when, expr.Bool)
		if o := m.Get("outcome"); o != nil {
			rule.Outcome, _ = j.Word(o, "outcome")
		}
		m.Done()
		j.def.Exit = append(j.def.Exit, rule)
	}
}

// readPaths reads the main path and the others, sorted by name.
func (j *journeyCheck) readPaths(m *source.Mapping) {
	add := func(name string, at source.Pos, n *source.Node) {
		p := &pathTree{name: name, at: at}
		j.paths[name] = p
		p.steps = j.steps(n, name, name)
	}
	if n := m.Need("steps", "the main path"); n != nil {
		add(journey.Main, n.Pos, n)
	} else {
		j.paths[journey.Main] = &pathTree{name: journey.Main, at: j.Root.Pos}
	}
	if n := m.Get("paths"); n != nil {
		if p := j.Mapping(n, "paths"); p != nil {
			for i, key := range n.Keys {
				name, ok := j.Label(key, "path")
				switch {
				case name == "":
				case name == journey.Main:
					j.Report(key.Pos, "duplicate-id", "", "main is the path under steps: choose another name")
				case j.paths[name] == nil:
					add(name, key.Pos, n.Values[i])
					if !ok { // whether a path is used is checked once it has a name
						j.rerouted = append(j.rerouted, name)
					}
				}
			}
		}
	}
	j.order = []*pathTree{j.paths[journey.Main]}
	for _, name := range slices.Sorted(maps.Keys(j.paths)) {
		if name != journey.Main {
			j.order = append(j.order, j.paths[name])
		}
	}
	j.ids()
}

// Thresholds of large-journey.
const (
	largePacked = 20 << 10 // bytes of Pack
	largeSteps  = 200
)

// size warns about a journey that makes every enrollment heavy.
func (j *journeyCheck) size() {
	packed, err := j.def.Canonical()
	if err == nil && len(packed) > largePacked { // compressing is slow, and pointless for small definitions
		packed, err = journey.Pack(j.def)
	}
	if err != nil {
		j.Report(j.Root.Pos, "bad-value", "", "%v", err)
		return
	}
	if len(packed) > largePacked || len(j.def.Steps) > largeSteps {
		j.Report(
			j.Root.Pos,
			"large-journey",
			"",
			"%d steps, %d KiB packed: every enrollment carries the journey; split it (up to %d steps, %d KiB)",
			len(j.def.Steps),
			int(math.Ceil(float64(len(packed))/1024)),
			largeSteps,
			largePacked>>10,
		)
	}
}
