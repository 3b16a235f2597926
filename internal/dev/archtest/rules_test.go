package archtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rule is one rule of the repository's structure.
type rule struct {
	name  string
	why   string
	check func(*tree) []breach
}

// breach is one place that breaks a rule.
type breach struct{ at, what string }

var rules = []rule{
	{"pure packages", "what must be deterministic or a pure function reaches nothing else", importBreaches},
	{"direction of imports", "data flows one way; docs/architecture.md draws it", layerBreaches},
	{"rules name packages", "a rule for a package that does not exist checks nothing", missingPackages},
	{"contract is free of the SDK", "channels import it without the Temporal SDK", contractBreaches},
	{"importers of workflows", "the interpreter is run by few; everybody else uses workflows/contract", workflowsBreaches},
	{"internal/dev is the last floor", "the product does not depend on its own workshop", devBreaches},
	{
		"wall clock",
		"simulations and tests run in virtual time: take the time as a parameter, or call clock.Wall or clock.Now",
		clockBreaches,
	},
	{
		"time zones",
		"two machines have two zones and two databases of them: ask internal/journey/localtime, which has its own",
		zoneBreaches,
	},
	{"package size", "a package is read as a whole", packageSizes},
	{"file length", "a long file hides its parts: split it by what they do", fileLengths},
	{"line width", "two files fit beside each other", lineWidths},
	{"tables have one owner", "a table that two packages name has no invariants; docs/decisions/0014 says how to read one", tableBreaches},
	{"folders", "docs/architecture.md says what each is for", folderBreaches},
	{"package comments", "a package says what it is for", packageComments},
	{"English of comments", "comments are plain, short, subject first", commentBreaches},
	{"English of docs", "so are docs and pages", proseBreaches},
	{"links of docs", "a link that leads nowhere costs a reader's trust", linkBreaches},
	{"width of docs", "a diff of a long line cannot be read", proseWidths},
	{"names in docs", "tests and settings that docs name exist", nameBreaches},
	{"built-in events", "docs/events.md has all of them with their properties", eventBreaches},
	{"file names", "a file is named by what it holds, in the field's words (docs/glossary.md)", fileNames},
}

func TestRules(t *testing.T) {
	t.Parallel()
	all := thisTree(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range sorted(r.check(all)) {
				t.Errorf("%s: %s (%s)", b.at, b.what, r.why)
			}
		})
	}
}

func sorted(all []breach) []breach {
	slices.SortFunc(all, func(a, b breach) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.what, b.what)) })
	return slices.Compact(all)
}

// Every rule catches what it should: each is broken once, in a small tree that otherwise keeps it.
func TestRulesCatch(t *testing.T) {
	t.Parallel()
	const pkg = "// Package p is one.\npackage p\n"
	many := map[string]string{"internal/p/p.go": pkg}
	for i := range maxFiles {
		many[fmt.Sprintf("internal/q/f%02d.go", i)] = pkg
		many[fmt.Sprintf("internal/p/f%02d.go", i)] = pkg
	}
	lists := func(from string, imports, deps []string) map[string]listed {
		out := map[string]listed{"os": {Standard: true}, "time": {Standard: true}, "database/sql": {Standard: true}}
		for _, dir := range []string{"activities", "workflows", "internal/journey", "internal/dev/pgtest", "internal/dev/e2e", from} {
			out[module+"/"+dir] = listed{ImportPath: module + "/" + dir}
		}
		out[module+"/"+from] = listed{ImportPath: module + "/" + from, Imports: imports, Deps: deps}
		return out
	}
	long := pkg + strings.Repeat("\n", maxLines)
	schema := "create table if not exists sends (id text); create table offers (id text);"
	for _, c := range []struct {
		rule, at string
		files    map[string]string
		packages map[string]listed
		folders  []string
	}{
		{"pure packages", "internal/journey", nil, lists("internal/journey", []string{"os", "time"}, nil), nil},
		{"pure packages", "internal/journey/lint", nil, lists("internal/journey/lint", nil, []string{"go.temporal.io/sdk/client"}), nil},
		{
			"pure packages", "workflows", nil,
			lists("workflows", []string{module + "/activities", module + "/internal/journey"}, nil), nil,
		},
		{"pure packages", "internal/decisioning", nil, lists("internal/decisioning", []string{"math/rand/v2"}, nil), nil},
		{"pure packages", "internal/decisioning/eval", nil, lists("internal/decisioning/eval", []string{"math/rand/v2", "os"}, nil), nil},
		{"direction of imports", "internal/sqldb", nil, lists("internal/sqldb", nil, []string{module + "/internal/unit"}), nil},
		{"direction of imports", "internal/outbox", nil, lists("internal/outbox", nil, []string{module + "/internal/ingest"}), nil},
		{"direction of imports", "internal/engine", nil, lists("internal/engine", nil, []string{module + "/internal/relay"}), nil},
		{
			"direction of imports", "internal/journey/expr", nil,
			lists("internal/journey/expr", nil, []string{module + "/internal/journey", module + "/internal/clock"}), nil,
		},
		{"direction of imports", "workflows/contract", nil, lists("workflows/contract", nil, []string{module + "/workflows"}), nil},
		{"direction of imports", "internal/api", nil, lists("internal/api", nil, []string{module + "/starter"}), nil},
		{
			"contract is free of the SDK", "workflows/contract", nil,
			lists("workflows/contract", nil, []string{"go.temporal.io/sdk/client"}), nil,
		},
		{"importers of workflows", "activities", nil, lists("activities", []string{module + "/workflows"}, nil), nil},
		{"internal/dev is the last floor", "internal/app", nil, lists("internal/app", []string{module + "/internal/dev/pgtest"}, nil), nil},
		{
			"internal/dev is the last floor", "internal/app", nil,
			lists("internal/app", []string{module + "/internal/engine/enginetest"}, nil), nil,
		},
		{
			"wall clock", "internal/p/p.go:3", map[string]string{
				"internal/p/p.go":           "package p\nimport \"time\"\nvar now = time.Now\nvar d = time.Second",
				"internal/p/p_test.go":      "package p\nimport \"time\"\nvar then = time.Now()",
				"internal/clock/clock.go":   "package clock\nimport \"time\"\nvar now = time.Now()",
				"internal/p/other_clock.go": "package p\nimport \"example.com/time\"\nvar c = x.Now()",
			}, nil, nil,
		},
		{
			"time zones", "internal/p/p.go:3", map[string]string{
				"internal/p/p.go":                    "package p\nimport \"time\"\nvar z, _ = time.LoadLocation(\"UTC\")",
				"internal/journey/localtime/zone.go": "package localtime\nimport \"time\"\nvar z = time.Local",
				"internal/p/zones.go":                "package p\nvar c = local.Zone(\"Asia/Tokyo\")",
			}, nil, nil,
		},
		{
			"time zones", "internal/p/p.go:3", map[string]string{
				"internal/p/p.go": "package p\nimport \"time\"\nfunc f(t time.Time) time.Time { return t.Local() }",
			}, nil, nil,
		},
		{"package size", "internal/p", many, nil, nil},
		{"package size", "internal/r", map[string]string{
			"internal/r/a.go": pkg + strings.Repeat("\n", maxPackageLines), "internal/r/a_test.go": long,
		}, nil, nil},
		{"file length", "internal/p/p.go", map[string]string{"internal/p/p.go": long, "internal/p/p_test.go": long}, nil, nil},
		{"line width", "internal/p/p_test.go:4", map[string]string{
			"internal/p/p_test.go": pkg + "\n\t//" + strings.Repeat("é", maxColumns-5),
			"internal/p/p.go":      pkg + "//" + strings.Repeat("é", maxColumns-2),
		}, nil, nil},
		{"tables have one owner", "sends", map[string]string{
			"internal/sqldb/migrations/00001_init.sql": schema,
			"internal/a/a.go":                          "package a\nvar q = `select 1 from sends`",
			"internal/b/b.go":                          "package b\nvar q = \"update sends set x = 1 from offers\" // join offers",
			"internal/b/b_test.go":                     "package b\nvar r = `delete from sends`",
			"internal/dev/bench/b.go":                  "package main\nvar r = `insert into offers values (1)`",
		}, nil, nil},
		{"tables have one owner", "offers", map[string]string{
			"internal/sqldb/migrations/00001_init.sql": schema,
			"internal/a/a.go":                          "package a\nvar err = sqldb.Insert(ctx, tx, \"offers (\"+\"id)\", rows, ``)",
			"internal/b/b.go":                          "package b\nconst q = `select 1\n\tfrom sends s,\n\t\toffers`",
		}, nil, nil},
		{"tables have one owner", "send_log", map[string]string{
			"internal/sqldb/migrations/00001_init.sql": schema + "create view send_log as select id from sends;",
			"internal/a/a.go":                          "package a\nvar q = `delete from send_log`",
		}, nil, nil},
		{"tables have one owner", "send_log", map[string]string{
			"internal/sqldb/migrations/00001_init.sql": schema + "create view send_log as select id from sends where id > 1;",
			"internal/a/a.go":                          "package a\nvar q = `select id from sends`",
		}, nil, nil},
		{"tables have one owner", "send_log", map[string]string{
			"internal/sqldb/migrations/00001_init.sql": schema + "create view send_log as select * from sends;",
			"internal/a/a.go":                          "package a\nvar q = `select id from send_log`",
		}, nil, nil},
		{"folders", "misc", nil, nil, []string{"docs", "misc"}},
		{"package comments", "internal/p", map[string]string{
			"internal/p/p.go": "package p", "internal/p/p_test.go": pkg, "internal/q/q.go": "package q", "internal/q/doc.go": pkg,
		}, nil, nil},
		{"English of comments", "internal/p/p.go:3", map[string]string{
			"internal/p/p.go":      "package p\n\n// run gives what is brought.\nfunc run() { _ = \"brings\" }",
			"internal/p/p_test.go": "package p // tells",
		}, nil, nil},
		{"English of docs", "docs/a.md:1", map[string]string{
			"docs/a.md": "It goes on, anew.", "docs/b.md": "Plain.", "docs/decisions/0001.md": "It goes on for ever.",
		}, nil, nil},
		{"links of docs", "docs/a.md", map[string]string{
			"docs/a.md": "[gone](c.md) and [no such part](b.md#other)",
			"docs/b.md": "## A `part`, in two words\n\n[a](a.md) [self](#a-part-in-two-words) [there](https://example.com/x)\n" +
				"```\n[code](x.md)\n```\n",
		}, nil, nil},
		{"width of docs", "docs/a.md:3", map[string]string{
			"docs/a.md": "# A\n\n" + strings.Repeat("é", maxColumns+1),
			"docs/b.md": "|" + strings.Repeat("x", maxColumns) + "|\n```\n" + strings.Repeat("x", maxColumns+1) + "\n```\n",
		}, nil, nil},
		{"names in docs", "docs/a.md", map[string]string{
			"internal/p/p_test.go": pkg + "func TestThere() {}\n", "internal/p/p.go": pkg + "const there = \"TABI_THERE\"",
			"docs/a.md": "`TestGone` and TABI_GONE", "docs/b.md": "`TestThere` and TABI_THERE",
		}, nil, nil},
		{"built-in events", "internal/p/p.go", map[string]string{
			"internal/p/p.go": pkg + "var made = \"Page Scrolled\"", "internal/p/q.go": pkg + "var known = \"Page Viewed\"",
			"docs/events.md": "| `Page Viewed` | |",
		}, nil, nil},
		{"file names", "internal/p/strays.go", map[string]string{
			"internal/p/strays.go": pkg, "internal/p/strays_test.go": pkg, "activities/call/call.go": pkg,
		}, nil, nil},
	} {
		small, err := newTree(c.files)
		if err != nil {
			t.Fatal(err)
		}
		if c.packages != nil {
			small.packages = c.packages
		}
		small.folders = c.folders
		i := slices.IndexFunc(rules, func(r rule) bool { return r.name == c.rule })
		if i < 0 {
			t.Fatalf("there is no rule %q", c.rule)
		}
		got := sorted(rules[i].check(small))
		if len(got) == 0 || slices.ContainsFunc(got, func(b breach) bool { return !strings.HasPrefix(b.at, c.at) }) {
			t.Errorf("%s: got %q, want only %s", c.rule, got, c.at)
		}
	}
	small, err := newTree(nil)
	if err != nil {
		t.Fatal(err)
	}
	if missingPackages(small) == nil {
		t.Error("rules name packages: an empty tree keeps it")
	}
}
