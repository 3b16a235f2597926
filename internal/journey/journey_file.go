package journey

import (
	"maps"
	"math"
	"regexp"
	"slices"
)

// journeyCheck is the check of one journey file.
type journeyCheck struct {
	exprCheck
	def      *Definition
	varNames map[string]bool // declared, or set by a step
	paths    map[string]*pathTree
	order    []*pathTree // as in Definition.Paths
	all      []*stepTree // in the order of the program
	targets  []rerouteTree
	astray   bool     // a reroute could not be read: it may lead anywhere
	rerouted []string // paths that a misspelt go_to means
}

// pathTree is a path while it is read.
type pathTree struct {
	name  string
	at    pos
	steps []*stepTree
}

// journeyFile checks and compiles a journey.
func (f *fileCheck) journeyFile() {
	if f.root == nil {
		return
	}
	j := &journeyCheck{
		exprCheck: exprCheck{fileCheck: f},
		def:       &Definition{Timeout: DefaultTimeout},
		varNames:  map[string]bool{},
		paths:     map[string]*pathTree{},
	}
	m := f.fields(f.root, "a journey")
	if m == nil {
		f.unsure = true
		return
	}
	j.def.Journey = f.name(m.need("journey", "a journey says its name"), "journey")
	j.optionalText(m, "description", &j.def.Description)
	j.optionalText(m, "owner", &j.def.Owner)
	if n := m.need("entry", "it says what lets a customer in"); n != nil {
		j.entry(n)
	}
	j.vars(m.get("vars"))
	if n := m.get("goal"); n != nil {
		j.goal(n)
	} else {
		f.report(f.root.pos, "no-goal", "", "the journey has no goal: nobody can tell whether it works")
	}
	if n := m.get("exit"); n != nil {
		j.exits(n)
	}
	if n := m.get("reroute"); n != nil {
		j.reroute(n)
	}
	if n := m.get("timeout"); n != nil {
		if d, ok := f.duration(n, "timeout", false); ok && d == 0 {
			f.report(n.pos, "bad-value", "", "a journey must last longer than 0s")
		} else if ok {
			j.def.Timeout = d
		}
	}
	j.readPaths(m)
	m.done()
	j.finish()
}

// finish compiles what was read and looks at the whole.
func (j *journeyCheck) finish() {
	j.flatten()
	j.reroutes()
	j.checkUses()
	j.graph()
	if j.errors == 0 {
		if err := j.def.validate(); err != nil {
			j.report(j.root.pos, "bad-value", "", "%v", err)
			return
		}
		j.size()
	}
	j.journey = j
}

// keepJourney puts a journey that compiled into the content.
func (f *fileCheck) keepJourney() {
	j := f.journey
	if j == nil || j.def.Journey == "" {
		return
	}
	if other, taken := f.journeys[j.def.Journey]; taken {
		if f.errors == 0 {
			f.report(f.root.pos, "duplicate-id", "", "the journey %q is also in %s", j.def.Journey, other)
		}
		return
	}
	j.places()
	if f.errors > 0 {
		return
	}
	f.journeys[j.def.Journey] = f.file
	f.content.Journeys[j.def.Journey] = j.def
}

// places says where the steps stand, also of a journey with errors.
func (j *journeyCheck) places() {
	at := map[string]Place{}
	for _, s := range j.all {
		if _, taken := at[s.id]; !taken {
			at[s.id] = Place{File: j.file, Line: s.at.line, Column: s.at.col}
		}
	}
	j.content.Places[j.def.Journey] = at
}

func (f *fileCheck) optionalText(m *fields, key string, to *string) {
	if n := m.get(key); n != nil {
		*to, _ = f.text(n, key)
	}
}

func (j *journeyCheck) entry(n *node) {
	m := j.fields(n, "entry")
	if m == nil {
		return
	}
	e := &j.def.Entry
	event, when, schedule := m.get("event"), m.get("when"), m.get("schedule")
	switch {
	case schedule != nil:
		if event != nil {
			j.report(m.key("event"), "unknown-key", "", "an entry by schedule has no event: a journey is entered by the one or the other")
		}
		e.Schedule = j.schedule(schedule)
	case event != nil:
		e.Events, _ = j.words(event, "event")
	case when == nil:
		j.report(
			n.pos,
			"missing-key",
			"",
			"%q is missing: what lets a customer in is an event, a condition that turns true (when), or a schedule",
			"event",
		)
	}
	e.When = j.expr(when, wantBool)
	e.Key = j.expr(m.get("key"), wantKey)
	e.Reentry = ReentryAfterExit
	if r := m.get("reentry"); r != nil {
		j.reentry(r)
	}
	if h := m.get("holdout"); h != nil {
		e.Holdout, _ = j.number(h, "holdout (percent)", 0, 100)
	}
	m.done()
}

func (j *journeyCheck) reentry(n *node) {
	if n.shape != mapping {
		if n.isText() && n.text == ReentryAfter {
			j.report(n.pos, "bad-value", "{after: 7d}", "after needs a duration")
			return
		}
		if mode, ok := j.oneOf(n, "reentry", ReentryNever, ReentryAlways, ReentryAfterExit, "{after: 7d}"); ok {
			j.def.Entry.Reentry = mode
		}
		return
	}
	m := j.fields(n, "reentry")
	if m == nil {
		return
	}
	if after := m.need("after", "reentry as a mapping says how long after"); after != nil {
		if d, ok := j.duration(after, "after", false); ok {
			j.def.Entry.Reentry, j.def.Entry.After = ReentryAfter, d
		}
	}
	m.done()
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (j *journeyCheck) vars(n *node) {
	if n == nil {
		return
	}
	m := j.fields(n, "vars")
	if m == nil {
		return
	}
	j.def.Vars = map[string]any{}
	for i, key := range n.keys {
		if key.shape != scalar || !variableName.MatchString(key.text) {
			j.report(key.pos, "bad-value", "", "a variable is called by letters, digits and _")
			continue
		}
		j.varNames[key.text] = true
		j.def.Vars[key.text] = j.value(n.values[i])
	}
	if len(j.def.Vars) == 0 {
		j.def.Vars = nil
	}
}

func (j *journeyCheck) goal(n *node) {
	m := j.fields(n, "goal")
	if m == nil {
		return
	}
	g := &Goal{}
	event, when := m.get("event"), m.get("when")
	if event == nil && when == nil {
		j.report(n.pos, "missing-key", "", "%q is missing: the event that reaches the goal", "event")
	}
	if event != nil {
		g.Events, _ = j.words(event, "event")
	}
	g.When = j.expr(when, wantBool)
	g.Value = j.expr(m.get("value"), wantNumber)
	if w := m.get("within"); w != nil {
		g.Within, _ = j.duration(w, "within", false)
	}
	m.done()
	j.def.Goal = g
}

func (j *journeyCheck) exits(n *node) {
	items, _ := j.list(n, "exit")
	for _, item := range items {
		m := j.fields(item, "an exit rule")
		if m == nil {
			continue
		}
		rule := ExitRule{Outcome: "exited"}
		event, when := m.get("event"), m.get("when")
		if event == nil && when == nil {
			j.report(item.pos, "missing-key", "", "%q is missing: an exit rule has an event, a condition or both", "event")
		}
		if event != nil {
			rule.Events, _ = j.words(event, "event")
		}
		rule.When = j.expr(when, wantBool)
		if o := m.get("outcome"); o != nil {
			rule.Outcome, _ = j.word(o, "outcome")
		}
		m.done()
		j.def.Exit = append(j.def.Exit, rule)
	}
}

// readPaths reads the main path and the others, sorted by name.
func (j *journeyCheck) readPaths(m *fields) {
	add := func(name string, at pos, n *node) {
		p := &pathTree{name: name, at: at}
		j.paths[name] = p
		p.steps = j.steps(n, name, name)
	}
	if n := m.need("steps", "the main path"); n != nil {
		add(Main, n.pos, n)
	} else {
		j.paths[Main] = &pathTree{name: Main, at: j.root.pos}
	}
	if n := m.get("paths"); n != nil {
		if p := j.fields(n, "paths"); p != nil {
			for i, key := range n.keys {
				name, ok := j.label(key, "path")
				switch {
				case name == "":
				case name == Main:
					j.report(key.pos, "duplicate-id", "", "main is the path under steps; call this one otherwise")
				case j.paths[name] == nil:
					add(name, key.pos, n.values[i])
					if !ok { // whether anything leads to it is asked once it has a name
						j.rerouted = append(j.rerouted, name)
					}
				}
			}
		}
	}
	j.order = []*pathTree{j.paths[Main]}
	for _, name := range slices.Sorted(maps.Keys(j.paths)) {
		if name != Main {
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

// size warns of a journey that makes every instance heavy.
func (j *journeyCheck) size() {
	packed, err := j.def.canonical()
	if err == nil && len(packed) > largePacked { // compressing is slow, and pointless below
		packed, err = Pack(j.def)
	}
	if err != nil {
		j.report(j.root.pos, "bad-value", "", "%v", err)
		return
	}
	if len(packed) > largePacked || len(j.def.Steps) > largeSteps {
		j.report(
			j.root.pos,
			"large-journey",
			"",
			"%d steps, %d KiB packed: every instance carries the journey; split it (up to %d steps, %d KiB)",
			len(j.def.Steps),
			int(math.Ceil(float64(len(packed))/1024)),
			largeSteps,
			largePacked>>10,
		)
	}
}
