package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// importRule lists what a package and those below it may import, themselves or through others.
type importRule struct {
	room   string
	direct []string            // no package of the room may import these, nor what lies under them
	except []string            // of direct
	exempt map[string][]string // of direct, for one package of the room
	deep   []string            // nor may any package it reaches
	only   []string            // where set: of other modules and this one, only these and what lies under them
}

var importRules = []importRule{
	{ // The language is pure: bytes in, a definition out.
		room:   "internal/journey",
		direct: []string{"os", "net", "database", "math/rand", "crypto/rand", "syscall", "log"},
		except: []string{
			"net/url",             // escapes the parts of a workflow id
			"database/sql/driver", // types only: the decimal numbers of templates could be columns, too
		},
		deep: []string{"go.temporal.io", "net/http", "database"},
	},
	{ // The interpreter is deterministic.
		room: "workflows",
		only: []string{
			"go.temporal.io/sdk/workflow", "go.temporal.io/sdk/temporal", "go.temporal.io/sdk/log", "go.temporal.io/sdk/worker",
			"go.temporal.io/sdk/converter",
			"go.temporal.io/api/enums", module + "/internal/journey", module + "/internal/clock", module + "/internal/number",
			module + "/internal/tolerant",
			module + "/workflows",
		},
		direct: []string{"os", "net", "database", "math/rand", "crypto/rand", "log"},
	},
	{ // Decisions are pure functions over a profile; eval draws simulated customers from a seeded generator.
		room:   "internal/decisioning",
		direct: []string{"os", "net", "database", "math/rand", "crypto/rand", "log"},
		exempt: map[string][]string{"internal/decisioning/eval": {"math/rand"}},
		deep:   []string{"go.temporal.io", "database", module + "/internal/engine", module + "/internal/sqldb", module + "/activities"},
	},
	{room: "channel", only: []string{module + "/channel"}},           // others implement it
	{room: "internal/clock", only: []string{"example.com/nothing"}},  // everything reads the time through it
	{room: "internal/number", only: []string{"example.com/nothing"}}, // everything reads JSON through it
	{ // Both mains are thin over internal/app, so that they cannot drift apart.
		room:   "worker",
		direct: []string{module + "/internal/gateway", module + "/internal/engine", module + "/activities"},
	},
}

// breaches returns the imports of p that the rule forbids, in order.
func (r importRule) breaches(all map[string]listed, dir string, p listed) []string {
	var out []string
	for _, i := range p.Imports {
		forbidden := in(i, r.direct...) && !in(i, r.except...) && !in(i, r.exempt[dir]...)
		if forbidden || len(r.only) > 0 && !all[i].Standard && !in(i, r.only...) {
			out = append(out, i)
		}
	}
	for _, d := range p.Deps {
		if in(d, r.deep...) && !in(d, r.except...) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func importBreaches(t *tree) []breach {
	var out []breach
	for dir, p := range t.ownPackages() {
		for _, r := range importRules {
			if !in(dir, r.room) {
				continue
			}
			for _, i := range r.breaches(t.packages, dir, p) {
				out = append(out, breach{dir, "imports " + i})
			}
		}
	}
	return out
}

// rooms are the packages that own the store's tables. They lie on one level: a room may use another, but what it
// cannot know (what happens after an enrollment has closed, say) comes to it through the hooks of the engine.
var rooms = []string{
	"internal/customer", "internal/intent", "internal/outbox", "internal/message", "internal/handoff", "internal/offer",
	"internal/enrollment", "internal/analytics", "internal/keyring",
}

// chains are the directions of imports: a package may import those on its left, and reach none on its right. A name
// that ends in /... includes the packages below it.
var chains = [][][]string{
	{
		{"internal/clock", "internal/number"},
		{
			"internal/journey/expr",
			"internal/journey/template",
			"internal/journey/localtime",
			"internal/journey/source",
			"internal/schema/shape",
		},
		{"internal/journey/syntax"},
		{"internal/journey"},
		{"internal/journey/lint"},
		{"internal/journey/scenario"},
	},
	{{"internal/journey"}, {"internal/journey/diff", "internal/journey/format", "internal/graph", "internal/schema"}},
	{
		{"workflows/contract"},
		append([]string{"workflows", "internal/relay", "internal/gateway/...", "activities/..."}, rooms...),
	},
	{
		{"internal/sqldb"},
		{"internal/catalog"},
		{"internal/unit"},
		rooms,
		{"internal/ingest"},
		{"internal/engine"},
		{"internal/gateway/...", "internal/relay", "internal/background", "activities/..."},
		{"internal/app"},
		{"worker/...", "starter/..."},
	},
	{{"internal/api"}, {"internal/gateway/adminapi", "starter/..."}},
	{{"activities/..."}, {"internal/gateway/...", "internal/relay", "internal/background"}}, // what acts does not know who asked
	{{"internal/gateway/..."}, {"activities/..."}},                                          // what enters goes to the store and no further
}

// level returns the place of a package in a chain; -1 where it has none.
func level(chain [][]string, dir string) int {
	return slices.IndexFunc(chain, func(names []string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			below, all := strings.CutSuffix(name, "/...")
			return dir == below || all && in(dir, below)
		})
	})
}

func layerBreaches(t *tree) []breach {
	var out []breach
	for dir, p := range t.ownPackages() {
		for _, chain := range chains {
			at := level(chain, dir)
			if at < 0 {
				continue
			}
			for _, d := range p.Deps {
				to, ok := own(d)
				if ok && level(chain, to) > at {
					out = append(out, breach{dir, "reaches " + to + ", which comes after it"})
				}
			}
		}
	}
	return out
}

// missingPackages returns the names in importRules and chains that no package has.
func missingPackages(t *tree) []breach {
	packages := t.ownPackages()
	var out []breach
	expect := func(name string) {
		if _, ok := packages[strings.TrimSuffix(name, "/...")]; !ok {
			out = append(out, breach{strings.TrimSuffix(name, "/..."), "is named in a rule, and there is no such package"})
		}
	}
	for _, r := range importRules {
		expect(r.room)
	}
	for _, chain := range chains {
		for _, names := range chain {
			for _, name := range names {
				expect(name)
			}
		}
	}
	return out
}

func contractBreaches(t *tree) []breach {
	var out []breach
	for _, d := range t.packages[module+"/workflows/contract"].Deps {
		if in(d, "go.temporal.io/sdk") {
			out = append(out, breach{"workflows/contract", "reaches " + d})
		}
	}
	return out
}

// interpreterUsers are the packages that run the interpreter.
var interpreterUsers = []string{"worker", "internal/simulate", "internal/app", "internal/engine", "internal/dev", "workflows"}

func workflowsBreaches(t *tree) []breach {
	var out []breach
	for dir, p := range t.ownPackages() {
		if slices.Contains(p.Imports, module+"/workflows") && dir != "." && !in(dir, interpreterUsers...) {
			out = append(out, breach{dir, "imports workflows"})
		}
	}
	return out
}

// testSupport are packages that only tests import. They may use the workshop.
var testSupport = []string{"internal/engine/enginetest"}

func devBreaches(t *tree) []breach {
	var out []breach
	for dir, p := range t.ownPackages() {
		if in(dir, "internal/dev") || in(dir, testSupport...) {
			continue
		}
		for _, i := range p.Imports {
			if in(i, module+"/internal/dev") || in(strings.TrimPrefix(i, module+"/"), testSupport...) {
				out = append(out, breach{dir, fmt.Sprintf("imports %s", strings.TrimPrefix(i, module+"/"))})
			}
		}
	}
	return out
}
