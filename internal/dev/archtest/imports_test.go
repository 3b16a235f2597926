package archtest

import (
	"slices"
	"strings"
	"testing"
)

// rule says what a room may import, itself or through others.
type rule struct {
	room   string
	direct []string // no package of the room may import these, nor what lies under them
	except []string // of direct
	deep   []string // nor may any package it reaches within this module
	only   []string // where set: of other modules and this one, only these and what lies under them
	why    string
}

var rules = []rule{
	{
		room:   "internal/journey",
		direct: []string{"os", "net", "database", "math/rand", "crypto/rand", "syscall", "log"},
		except: []string{"net/url"}, // escapes the parts of a workflow id
		deep:   []string{"go.temporal.io", "net/http", "database"},
		why:    "the language is pure: bytes in, a definition out",
	},
	{
		room: "workflows",
		only: []string{
			"go.temporal.io/sdk/workflow", "go.temporal.io/sdk/temporal", "go.temporal.io/sdk/log", "go.temporal.io/sdk/worker",
			"go.temporal.io/api/enums", module + "/internal/journey", module + "/workflows",
		},
		direct: []string{"os", "net", "database", "math/rand", "crypto/rand", "log"},
		why:    "the interpreter is deterministic",
	},
	{
		room:   "internal/decisioning",
		direct: []string{"os", "net", "database", "math/rand", "crypto/rand", "log"},
		deep:   []string{"go.temporal.io", "database", module + "/internal/store", module + "/activities"},
		why:    "decisions are pure functions over a profile",
	},
	{
		room: "internal/clock",
		only: []string{module + "/internal/journey"},
		why:  "everything reads the time through it",
	},
	{
		room: "internal/store",
		deep: []string{module + "/activities", module + "/internal/gateway", module + "/internal/relay", module + "/internal/app"},
		why:  "data flows gateway → store → relay → workflow → activity",
	},
	{
		room: "activities",
		deep: []string{
			module + "/internal/gateway",
			module + "/internal/relay",
			module + "/internal/app",
			module + "/starter",
			module + "/worker",
		},
		why: "the outside world knows nothing of who started it",
	},
	{
		room: "internal/gateway",
		deep: []string{module + "/internal/app", module + "/activities", module + "/starter", module + "/worker"},
		why:  "what enters goes to the store and no further",
	},
	{
		room:   "worker",
		direct: []string{module + "/internal/gateway", module + "/internal/store", module + "/activities"},
		why:    "both mains are thin over internal/app, so that they cannot drift apart",
	},
}

func TestImports(t *testing.T) {
	t.Parallel()
	all := packages(t)
	for _, r := range rules {
		t.Run(r.room, func(t *testing.T) {
			t.Parallel()
			found := room(all, r.room)
			if len(found) == 0 {
				t.Fatalf("there is no package %s", r.room)
			}
			for _, p := range found {
				for _, breach := range r.breaches(all, p) {
					t.Errorf("%s imports %s: %s", p.ImportPath, breach, r.why)
				}
			}
		})
	}
}

// breaches are the imports of p that the rule forbids, in order.
func (r rule) breaches(all map[string]listed, p listed) []string {
	var out []string
	for _, i := range p.Imports {
		if under(i, r.direct) && !under(i, r.except) || len(r.only) > 0 && !all[i].Standard && !under(i, r.only) {
			out = append(out, i)
		}
	}
	for _, d := range p.Deps {
		if under(d, r.deep) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// under reports whether path is one of the packages or lies under one.
func under(path string, of []string) bool {
	return slices.ContainsFunc(of, func(o string) bool { return path == o || strings.HasPrefix(path, o+"/") })
}

// The rules catch what they should: each is broken once.
func TestImportRulesCatch(t *testing.T) {
	t.Parallel()
	all := map[string]listed{
		"os": {Standard: true}, "time": {Standard: true}, "database/sql": {Standard: true},
		module + "/activities": {}, module + "/internal/journey": {},
	}
	for _, c := range []struct {
		room string
		p    listed
		want string
	}{
		{"internal/journey", listed{Imports: []string{"os", "time"}}, "os"},
		{"internal/journey", listed{Deps: []string{"go.temporal.io/sdk/client"}}, "go.temporal.io/sdk/client"},
		{"workflows", listed{Imports: []string{module + "/activities", module + "/internal/journey"}}, module + "/activities"},
		{"internal/decisioning", listed{Imports: []string{"database/sql"}}, "database/sql"},
		{"internal/store", listed{Deps: []string{module + "/internal/relay"}}, module + "/internal/relay"},
	} {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.room == c.room })
		if got := rules[i].breaches(all, c.p); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: got %q, want only %q", c.room, got, c.want)
		}
	}
}
