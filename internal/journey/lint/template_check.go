package lint

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// templateUse is a checked template, kept until it is known what its names can mean.
type templateUse struct {
	node    *source.Node
	names   []template.Name
	renders []template.Render
}

// at returns the position of an offset in bytes of a template.
func (u templateUse) at(offset int) source.Pos {
	if offset < 0 {
		return u.node.Pos
	}
	return u.node.At(utf8.RuneCountInString(u.node.Text[:offset]))
}

// template checks a Liquid template at its position in the file. With json, a text that begins as JSON does is one.
func (f *fileCheck) template(n *source.Node, html, json bool) template.Checked {
	checked := template.Check(n.Text, html)
	use := templateUse{n, checked.Names, checked.Renders}
	for _, problem := range checked.Problems {
		f.Report(use.at(problem.Offset), cmp.Or(problem.Code, "bad-template"), problem.Hint, "%s", problem.Message)
	}
	if f.message == nil && f.part == nil && len(use.renders) > 0 {
		f.Report(use.at(use.renders[0].Block.Offset), "bad-template", "", "only messages, layouts and blocks can render a block")
		return checked
	}
	f.templates = append(f.templates, use)
	for _, name := range use.names {
		if name[0].Text == "customer" && len(name) > 1 {
			f.trait(n, use.at(name[1].Offset), name[1].Text)
		}
	}
	if json && len(checked.Problems) == 0 {
		for _, problem := range template.CheckJSON(n.Text) {
			f.Report(use.at(problem.Offset), problem.Code, "", "%s", problem.Message)
		}
	}
	return checked
}

// templateRoots are the variables of templates.
var templateRoots = []string{
	"confirm_url", "customer", "data", "entry", "event", "intent", "now", "preferences_url", "steps", "unsubscribe_url", "vars",
}

// messageRoots are those that messages alone have.
var messageRoots = []string{"confirm_url", "data", "preferences_url", "unsubscribe_url"}

// scope is what the names in a template can mean: what the journeys that render it have.
type scope struct {
	steps     map[string][]*stepTree // by the name that expressions use
	ids, vars []string
	data      []string

	noStep, noVars string // messages
}

// scopeOf returns what journeys have, and the keys of data that their steps give.
func scopeOf(journeys []*journeyCheck, data []string, own bool) scope {
	s := scope{
		steps: map[string][]*stepTree{}, data: data,
		noStep: "no journey that sends this message has the step %q",
		noVars: "no journey that sends this message has it in vars, or sets it",
	}
	if own {
		s.noStep, s.noVars = "the journey has no step %q", "it is neither in vars nor set by a step"
	}
	vars := map[string]bool{}
	for _, j := range journeys {
		for _, step := range j.all {
			key := expr.Key(step.id)
			s.steps[key] = append(s.steps[key], step)
			if step.named {
				s.ids = append(s.ids, key)
			}
		}
		maps.Copy(vars, j.varNames)
	}
	s.vars = slices.Collect(maps.Keys(vars))
	return s
}

var (
	addressStart = regexp.MustCompile(`^\s*([a-zA-Z][a-zA-Z0-9+.-]*:|/|#|\?|\{[{%])`)
	schemeless   = regexp.MustCompile(`(?i)\bhref\s*=\s*["']?\s*(www\.)`)
)

// address warns about an address that begins with no scheme: a tap would open nothing.
func (f *fileCheck) address(n *source.Node) {
	if strings.TrimSpace(n.Text) != "" && !addressStart.MatchString(n.Text) {
		f.Report(n.Pos, "empty-link", "", "this address opens nothing: it begins with no scheme such as https://")
	}
}

// addresses warns about links in html whose address begins with no scheme.
func (f *fileCheck) addresses(n *source.Node) {
	for _, m := range schemeless.FindAllStringSubmatchIndex(n.Text, -1) {
		f.Report(templateUse{node: n}.at(m[2]), "empty-link", "https://www.", "this address opens nothing: it begins with no scheme")
	}
}

// guarded reports whether a template asks whether there is a link.
func guarded(template, link string) bool {
	return regexp.MustCompile(`\{%-?\s*(if|elsif|unless)\b[^%]*` + link).MatchString(template)
}

// emptyLinks warns about links to pages for customers in a message that a step sends without them: transactional mails have none to
// unsubscribe and to choose, and only sends with a topic have one to confirm.
func (f *fileCheck) emptyLinks(templates []templateUse, who *sender) {
	for _, use := range templates {
		for _, name := range use.names {
			link, why := name[0].Text, ""
			switch {
			case (link == "unsubscribe_url" || link == "preferences_url") && who.transactional:
				why = "as transactional"
			case link == "confirm_url" && who.topicless:
				why = "without a topic"
			}
			if why != "" && !guarded(use.node.Text, link) {
				f.Report(use.at(name[0].Offset), "empty-link", "",
					"a step sends this message %[1]s, without %[2]s: write {%% if %[2]s %%}…{%% endif %%}", why, link)
			}
		}
	}
}

// templateNames checks the names in templates that these journeys render.
func (f *fileCheck) templateNames(templates []templateUse, journeys []*journeyCheck, data []string, own bool) {
	if len(templates) == 0 {
		return
	}
	s := scopeOf(journeys, data, own)
	for _, use := range templates {
		for _, name := range use.names {
			f.templateName(use, name, &s, own)
		}
	}
}

// templateName checks one name. A nil scope checks what does not depend on the journeys.
func (f *fileCheck) templateName(use templateUse, name template.Name, s *scope, own bool) {
	report := func(part template.Part, known []string, format string, args ...any) {
		f.Report(use.at(part.Offset), "bad-template", human.Suggest(part.Text, known), format, args...)
	}
	root := name[0]
	roots := templateRoots
	switch {
	case f.part != nil && f.part.layout:
		roots = append([]string{"content"}, roots...)
	case f.part != nil && f.part.given[root.Text]:
		return
	case f.part != nil && !slices.Contains(roots, root.Text):
		// A parameter that nothing gives is empty. One that looks like customer, and is read like it, is a slip.
		for _, meant := range roots {
			if len(name) > 1 && len(meant) > 4 && oneLetterApart([]rune(root.Text), []rune(meant)) {
				f.Report(use.at(root.Offset), "bad-template", meant,
					"there is no variable %q, and nothing gives it to the block", root.Text)
			}
		}
		return
	case own:
		roots = slices.DeleteFunc(slices.Clone(roots), func(r string) bool { return slices.Contains(messageRoots, r) })
	}
	switch {
	case !slices.Contains(roots, root.Text) && slices.Contains(templateRoots, root.Text):
		report(root, nil, "only messages have %s", root.Text)
	case !slices.Contains(roots, root.Text):
		report(root, roots, "there is no variable %q, only %s", root.Text, human.Join(roots))
	case len(name) < 2:
	case root.Text == "intent":
		if key := expr.Key(name[1].Text); !f.Intents.hasKey(key) {
			report(name[1], f.Intents.keys, "%s", f.Intents.Unknown(name[1].Text))
		}
	case s == nil:
	case root.Text == "data" && !slices.Contains(s.data, name[1].Text) && name[1].Text != "size":
		report(name[1], s.data, "no data.%s: no step that sends this message has it under data", name[1].Text)
	case root.Text == "vars" && !slices.Contains(s.vars, name[1].Text):
		report(name[1], s.vars, "no vars.%s: %s", name[1].Text, s.noVars)
	case root.Text == "steps":
		f.templateStep(report, name, s)
	}
}

// templateStep checks steps.<id>.<result>.
func (f *fileCheck) templateStep(report func(template.Part, []string, string, ...any), name template.Name, s *scope) {
	steps := s.steps[expr.Key(name[1].Text)]
	if len(steps) == 0 {
		report(name[1], s.ids, s.noStep, name[1].Text)
		return
	}
	if len(name) < 3 {
		return
	}
	var results []string
	for _, step := range steps {
		if step.kind == "" {
			return
		}
		results = append(results, f.kinds.results(step.kind)...)
	}
	if !slices.Contains(results, name[2].Text) {
		slices.Sort(results)
		if len(results) == 0 {
			report(name[2], nil, "%s has no results", steps[0].kind)
			return
		}
		report(name[2], results, "%s has no result %q, only %s", steps[0].kind, name[2].Text, human.Join(slices.Compact(results)))
	}
}

// sender is what sends a message.
type sender struct {
	journeys      []*journeyCheck
	data          []string
	transactional bool // a step sends it so
	topicless     bool // something sends it without a topic
	acts          bool // an action sends it
}

// senders returns who sends each message.
func (c *Folder) senders(journeys []*fileCheck) map[string]*sender {
	out := map[string]*sender{}
	add := func(message string, j *journeyCheck, send *journey.Send) {
		s := out[message]
		if s == nil {
			s = &sender{}
			out[message] = s
		}
		s.acts = s.acts || j == nil
		if j != nil && !slices.Contains(s.journeys, j) {
			s.journeys = append(s.journeys, j)
		}
		if send != nil {
			s.data = slices.AppendSeq(s.data, maps.Keys(send.Data))
			s.transactional = s.transactional || send.Category == journey.Transactional
		}
		s.topicless = s.topicless || send == nil || send.Topic == ""
	}
	for _, a := range c.actions {
		add(a.message, nil, nil)
	}
	for _, f := range journeys {
		for _, step := range f.journey.all {
			switch spec := step.Spec.(type) {
			case *journey.Send:
				add(spec.Message, f.journey, spec)
			case *journey.Ask:
				add(spec.Question.Message, f.journey, &spec.Question)
			case *journey.Decide:
				names := spec.Actions
				if g := c.groups[spec.Group]; g != nil {
					for _, a := range g.actions {
						names = append(slices.Clip(names), a.name)
					}
				}
				for _, name := range names {
					if a := c.actions[name]; a != nil {
						add(a.message, f.journey, nil)
					}
				}
			}
		}
	}
	return out
}

// messageNames checks the names in messages, layouts, blocks and defaults, once it is known who sends them.
func (c *Folder) messageNames(messages, parts, defaults, journeys []*fileCheck) {
	sure := !c.vague && !c.lostActions && !slices.ContainsFunc(journeys, func(f *fileCheck) bool { return f.journey == nil })
	var senders map[string]*sender
	if sure {
		senders = c.senders(journeys)
	}
	everybody := &sender{}           // who sends the messages that have the defaults
	users := map[*partFile]*sender{} // who sends the messages that have a layout or block
	known := sure
	for _, f := range messages {
		who := senders[source.BaseName(f.File)]
		if f.message != nil && f.message.message != nil {
			uses, _ := f.partsOf()
			for _, p := range uses {
				if p == nil {
					continue
				}
				if users[p] == nil {
					users[p] = &sender{}
				}
				users[p].add(who)
			}
			if f.hasDefaults() {
				everybody.add(who)
			}
		} else {
			known = false // it is not known what it uses
		}
		f.namesOf(who)
	}
	rest := func(f *fileCheck, who *sender) {
		if !known || who != nil && len(who.journeys) == 0 && !who.acts {
			who = nil
		}
		f.namesOf(who)
	}
	for _, f := range parts {
		rest(f, users[f.part])
	}
	for _, f := range defaults {
		rest(f, everybody)
	}
}

// namesOf checks the names in the file's templates. who sends them; nil: it is not known, or nothing does.
func (f *fileCheck) namesOf(who *sender) {
	before := f.Errors
	var s *scope
	if who != nil {
		whole := scopeOf(who.journeys, who.data, false)
		s = &whole
		f.emptyLinks(f.templates, who)
	}
	for _, use := range f.templates {
		for _, name := range use.names {
			f.templateName(use, name, s, false)
		}
	}
	if f.Errors > before {
		f.drop()
	}
}

// add adds what sends another message.
func (s *sender) add(other *sender) {
	if other == nil {
		return
	}
	for _, j := range other.journeys {
		if !slices.Contains(s.journeys, j) {
			s.journeys = append(s.journeys, j)
		}
	}
	s.data = append(s.data, other.data...)
	s.acts = s.acts || other.acts
	s.transactional = s.transactional || other.transactional
	s.topicless = s.topicless || other.topicless
}
