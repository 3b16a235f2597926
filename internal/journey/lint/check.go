package lint

import (
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// File is one file of a project folder. Name is its path as the user knows it, with slashes. Its place under the root
// determines its role (messages/x.yaml, messages/_layouts/x.html, messages/_blocks/x.liquid, messages/_defaults.yaml, actions/x.yaml,
// intents.yaml, policy.yaml, topics.yaml, x.test.yaml, x.yaml).
type File struct {
	Root string // the folder that the user named; a prefix of Name, or empty
	Name string
	Data []byte
}

// Options of Check.
type Options struct {
	Channels []channel.Spec // the channels of this build; activities/channels.Shipped().Specs()
}

// Check parses, checks and compiles a whole folder. Of scenario files it parses only the YAML. Content holds every file
// that compiled, even if others have errors; it is complete only if !diagnostics.Failed(false). Check never panics,
// whatever the bytes.
func Check(files []File, opts Options) (*journey.Content, source.Diagnostics) {
	folder := Open(files, opts)
	return folder.Content, folder.Diagnostics()
}

// Open is Check for callers that also read the scenario files.
func Open(files []File, opts Options) *Folder {
	c := &Folder{
		Opts:  opts,
		kinds: newKindSet(journey.Kinds),
		Content: &journey.Content{
			Journeys: map[string]*journey.Definition{},
			Messages: map[string]*journey.Message{},
			Places:   map[string]map[string]source.Place{},
		},
		Messages: map[string]*messageFile{},
		journeys: map[string]string{},
		Intents:  &intentSet{},
		topics:   &topicSet{},
		layouts:  map[string]*partFile{},
		blocks:   map[string]*partFile{},
		groups:   map[string]*groupInfo{},
		actions:  map[string]*actionInfo{},

		journeyFiles: map[string]bool{},
	}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	var all, messages, parts, defaults, intents, actions, policies, topics, journeys []*fileCheck
	for _, file := range files {
		f := &fileCheck{Folder: c, folder: file.Root, role: roleOf(file)}
		f.Document = source.NewDocument(file.Name, file.Data, c.kinds.exprs, f.role.expressions())
		switch f.role {
		case roleNone:
			continue
		case roleMessage:
			messages = append(messages, f)
		case roleLayout, roleBlock, roleMisplaced:
			f.Document = source.NewText(file.Name, file.Data)
			parts = append(parts, f)
		case roleDefaults:
			defaults = append(defaults, f)
		case roleIntents:
			intents = append(intents, f)
		case roleActions:
			actions = append(actions, f)
		case rolePolicy:
			policies = append(policies, f)
		case roleTopics:
			topics = append(topics, f)
		case roleJourney:
			journeys = append(journeys, f)
			c.journeyFiles[source.BaseName(file.Name)] = true
		case roleTest:
			c.Scenarios = append(c.Scenarios, f.Document)
		}
		all = append(all, f)
	}
	inParallel(all, (*fileCheck).read)
	if f := rootFile(intents); f != nil {
		f.claimIntents()
		f.intentsFile()
	} else {
		c.Intents.broken = len(intents) > 0 // they are in the wrong folder, but their names still count
	}
	if f := rootFile(topics); f != nil {
		f.claimTopics()
		f.topicsFile()
	} else {
		c.topics.broken = len(topics) > 0
	}
	if f := rootFile(policies); f != nil {
		f.policyFile()
	}
	each(parts, (*fileCheck).claimPart)
	inParallel(parts, (*fileCheck).partFile)
	each(defaults, (*fileCheck).defaultsFile)
	each(messages, (*fileCheck).claimMessage)
	inParallel(messages, (*fileCheck).messageFile)
	each(messages, (*fileCheck).keepMessage)
	each(actions, (*fileCheck).claimActions)
	inParallel(actions, (*fileCheck).actionsFile)  // after the messages, which they name
	inParallel(journeys, (*fileCheck).journeyFile) // after messages, intents and actions
	each(journeys, (*fileCheck).keepJourney)
	c.vague = slices.ContainsFunc(all, func(f *fileCheck) bool { return f.unsure })
	each(actions, (*fileCheck).keepActions) // after the journeys: an action they send needs a message
	each(parts, (*fileCheck).blocksRendered)
	each(messages, (*fileCheck).blocksRendered)
	c.blockCircles()
	c.messageNames(messages, parts, defaults, journeys)
	each(messages, (*fileCheck).attachParts)
	c.unusedParts(slices.Concat(messages, parts, defaults))
	if !c.vague {
		c.unusedMessages()
		unknownTraits(all)
	}
	for _, f := range all {
		c.documents = append(c.documents, f.Document)
	}
	return c
}

// Diagnostics returns the diagnostics of all files.
func (c *Folder) Diagnostics() source.Diagnostics {
	var out source.Diagnostics
	for _, d := range c.documents {
		out = append(out, d.Diagnostics...)
	}
	return out.Sorted()
}

// each applies a function to every file, in order.
func each(files []*fileCheck, do func(*fileCheck)) {
	for _, f := range files {
		do(f)
	}
}

// inParallel applies a function to the files, as many at a time as there are processors. What it does to one file must
// not change what others read.
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

// Folder holds what the files of a folder know about each other. While files are checked in parallel,
// everything in it is read-only except messageFile.used, partFile.used, actionInfo.sent and actionInfo.chosen.
type Folder struct {
	Opts     Options
	kinds    *kindSet
	Content  *journey.Content
	Messages map[string]*messageFile
	journeys map[string]string // name → file
	Intents  *intentSet
	topics   *topicSet
	layouts  map[string]*partFile
	blocks   map[string]*partFile
	defaults map[string]journey.Treatment // of messages/_defaults.yaml, by channel
	groups   map[string]*groupInfo
	actions  map[string]*actionInfo // by name

	lostActions bool // a file of actions could not be read: any action may exist

	vague     bool               // some of what sends messages or names actions could not be read
	documents []*source.Document // of all files
	Scenarios []*source.Document // of the scenario files

	journeyFiles map[string]bool // base names of journey files, with or without errors
}

type fileCheck struct {
	*Folder
	*source.Document
	folder  string // the folder's root
	role    role
	message *messageFile
	part    *partFile
	group   *groupInfo
	journey *journeyCheck
	unsure  bool // some of what may send messages could not be read

	templates []templateUse
	traits    []traitUse
}

// role is the kind of a file.
type role int

const (
	roleNone role = iota
	roleJourney
	roleMessage
	roleTest
	roleIntents
	roleActions
	rolePolicy
	roleTopics
	roleLayout
	roleBlock
	roleMisplaced // among layouts or blocks, with the name of neither
	roleDefaults
)

// expressions reports whether a file of the role may hold expressions.
func (r role) expressions() bool { return r != roleMessage && r != roleDefaults && r != roleTest }

// roleOf returns a file's role, by its place.
func roleOf(file File) role {
	if IsPart(file.Name) {
		return partRole(file.Name)
	}
	if path.Ext(file.Name) != ".yaml" && path.Ext(file.Name) != ".yml" {
		return roleNone
	}
	switch base := source.BaseName(file.Name); {
	case path.Base(path.Dir(file.Name)) == "messages" && base == "_defaults":
		return roleDefaults
	case path.Base(path.Dir(file.Name)) == "messages":
		return roleMessage
	case path.Base(path.Dir(file.Name)) == "actions":
		return roleActions
	case base == "intents":
		return roleIntents
	case base == "policy":
		return rolePolicy
	case base == "topics":
		return roleTopics
	case strings.HasSuffix(base, ".test"):
		return roleTest
	}
	return roleJourney
}

func (f *fileCheck) read() {
	f.Document.Read()
	f.unsure = f.Partial && (f.role == roleJourney || f.role == roleActions)
}

// JourneyKnown reports whether the folder has a file for the journey, with or without errors.
func (c *Folder) JourneyKnown(name string) bool {
	return c.journeyFiles[name] || c.Content.Journeys[name] != nil
}

// JourneyNames returns the names of the folder's journeys, with or without errors, sorted.
func (c *Folder) JourneyNames() []string { return slices.Sorted(maps.Keys(c.journeyFiles)) }
