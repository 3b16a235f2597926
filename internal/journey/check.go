package journey

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tabi-journeys/tabi/channel"
)

// File is one file of a journeys folder. Name is the path as the user knows it, with slashes; its place under the
// folder's root says what it is (messages/x.yaml, actions/x.yaml, intents.yaml, policy.yaml, x.test.yaml, x.yaml).
type File struct {
	Root string // the folder that was named; a prefix of Name, or empty
	Name string
	Data []byte
}

// Options of Check.
type Options struct {
	Channels []channel.Spec // what this build can send by; activities/channels.Specs()
}

// Check parses, checks and compiles a whole folder. Content holds what compiled even where there are errors elsewhere;
// it is complete only if !diagnostics.Failed(false). It never panics, whatever the bytes.
func Check(files []File, opts Options) (*Content, Diagnostics) {
	c := &checker{
		opts:  opts,
		kinds: allKinds(),
		content: &Content{
			Journeys: map[string]*Definition{},
			Messages: map[string]*Message{},
			Tests:    map[string]*Test{},
			Places:   map[string]map[string]Place{},
		},
		messages: map[string]*messageFile{},
		journeys: map[string]string{},
		intents:  &intentSet{},
		groups:   map[string]*groupInfo{},
		actions:  map[string]*actionInfo{},

		journeyFiles: map[string]bool{},
	}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	var all, messages, intents, actions, policies, journeys, tests []*fileCheck
	for _, file := range files {
		f := &fileCheck{checker: c, folder: file.Root, file: file.Name, data: file.Data}
		switch f.role = roleOf(file); f.role {
		case roleNone:
			continue
		case roleMessage:
			messages = append(messages, f)
		case roleIntents:
			intents = append(intents, f)
		case roleActions:
			actions = append(actions, f)
		case rolePolicy:
			policies = append(policies, f)
		case roleJourney:
			journeys = append(journeys, f)
			c.journeyFiles[baseName(f.file)] = true
		case roleTest:
			tests = append(tests, f)
		}
		all = append(all, f)
	}
	inParallel(all, (*fileCheck).read)
	if f := rootFile(intents); f != nil {
		f.claimIntents()
		f.intentsFile()
	} else {
		c.intents.broken = len(intents) > 0 // in the wrong folder: their names are meant
	}
	if f := rootFile(policies); f != nil {
		f.policyFile()
	}
	each(messages, (*fileCheck).claimMessage)
	inParallel(messages, (*fileCheck).messageFile)
	each(messages, (*fileCheck).keepMessage)
	each(actions, (*fileCheck).claimActions)
	inParallel(actions, (*fileCheck).actionsFile)  // after the messages, which they name
	inParallel(journeys, (*fileCheck).journeyFile) // after messages, intents and actions
	each(journeys, (*fileCheck).keepJourney)
	c.vague = slices.ContainsFunc(all, func(f *fileCheck) bool { return f.unsure })
	each(actions, (*fileCheck).keepActions) // after the journeys: what they send needs a message
	each(tests, (*fileCheck).testFile)      // after the journeys, whose steps they name
	if !c.vague {
		c.unusedMessages()
	}
	var diagnostics Diagnostics
	for _, f := range all {
		diagnostics = append(diagnostics, f.diagnostics...)
	}
	return c.content, diagnostics.sorted()
}

// each does something to every file, in order.
func each(files []*fileCheck, do func(*fileCheck)) {
	for _, f := range files {
		do(f)
	}
}

// inParallel does something to every file, as many at a time as there are processors. What is done to one must
// not change what others see.
func inParallel(files []*fileCheck, do func(*fileCheck)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(files)); i = next.Add(1) - 1 {
				do(files[i])
			}
		})
	}
	workers.Wait()
}

// checker is what the files know of each other. While files are checked in parallel it is only read, but for
// messageFile.used, actionInfo.sent and actionInfo.chosen.
type checker struct {
	opts     Options
	kinds    kindSet
	content  *Content
	messages map[string]*messageFile
	journeys map[string]string // name → file
	intents  *intentSet
	groups   map[string]*groupInfo
	actions  map[string]*actionInfo // by name

	lostActions bool // a file of actions could not be read: it may have any

	vague        bool            // what may send messages, or name actions, could not all be read
	journeyFiles map[string]bool // base names: what the journeys of this folder are called, sound or not
}

// fileCheck is the check of one file.
type fileCheck struct {
	*checker
	folder  string // the folder's root
	file    string
	data    []byte
	role    role
	src     *source
	root    *node
	hidden  []span // values that YAML could not read
	message *messageFile
	group   *groupInfo
	journey *journeyCheck

	diagnostics Diagnostics
	errors      int
	unsure      bool // what may send messages could not be read
}

// role is what a file is.
type role int

const (
	roleNone role = iota
	roleJourney
	roleMessage
	roleTest
	roleIntents
	roleActions
	rolePolicy
)

// roleOf tells a file's role by its place.
func roleOf(file File) role {
	if path.Ext(file.Name) != ".yaml" && path.Ext(file.Name) != ".yml" {
		return roleNone
	}
	switch base := baseName(file.Name); {
	case path.Base(path.Dir(file.Name)) == "messages":
		return roleMessage
	case path.Base(path.Dir(file.Name)) == "actions":
		return roleActions
	case base == "intents":
		return roleIntents
	case base == "policy":
		return rolePolicy
	case strings.HasSuffix(base, ".test"):
		return roleTest
	}
	return roleJourney
}

// baseName is a file's name without folder and extension.
func baseName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".yaml"), ".yml")
}

// maxMasked bounds how often a file is read again behind a value that YAML cannot read.
const maxMasked = 20

// read parses the file.
func (f *fileCheck) read() {
	data := f.data
	src, text, problem := readSource(f.file, data)
	f.src = src
	src.exprs = f.role != roleMessage && f.role != roleTest
	if problem == nil {
		f.root, problem = parseYAML(src, text)
	}
	for range maxMasked {
		if problem == nil || problem.rest == "" {
			break
		}
		f.syntax(problem)
		f.hidden = append(f.hidden, problem.hidden)
		f.root, problem = parseYAML(src, problem.rest)
	}
	if problem != nil {
		f.syntax(problem)
	}
	unread := problem != nil || len(f.hidden) > 0
	f.unsure = unread && (f.role == roleJourney || f.role == roleActions)
	switch {
	case problem != nil:
		f.root = nil
	case f.root == nil:
		f.report(pos{1, 1}, "missing-key", "", "the file is empty")
	}
}

// syntax reports what is wrong with the YAML.
func (f *fileCheck) syntax(problem *syntaxError) {
	code := "yaml-syntax"
	if problem.expr {
		code = "bad-expression"
	}
	f.report(problem.at, code, "", "%s", problem.message)
}

// unread reports whether a place lies in a value that YAML could not read.
func (f *fileCheck) unread(at pos) bool {
	return slices.ContainsFunc(f.hidden, func(s span) bool { return s.holds(at) })
}

// report adds a diagnostic. Of values that could not be read nothing more is said.
func (f *fileCheck) report(at pos, code, hint, format string, args ...any) {
	if f.unread(at) {
		return
	}
	severity := severityOf(code)
	if severity == Error {
		f.errors++
	}
	f.diagnostics = append(f.diagnostics, Diagnostic{
		File: f.file, Line: max(at.line, 1), Column: max(at.col, 1), Severity: severity, Code: code,
		Message: fmt.Sprintf(format, args...), Hint: hint, Source: f.src.excerpt(max(at.line, 1)),
	})
}

// name checks that the file says its own name, and gives it.
func (f *fileCheck) name(n *node, what string) string {
	if n == nil {
		return ""
	}
	text, ok := f.label(n, what)
	if base := baseName(f.file); ok && text != base {
		f.report(n.pos, "name-mismatch", base, "the %s is called %q, its file %q: both must be the same", what, text, base)
	}
	return text
}
