package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// clockReads are the functions of package time that read the wall clock.
var clockReads = []string{"Now", "Since", "Until"}

func clockBreaches(t *tree) []breach {
	var out []breach
	for name, s := range t.sources {
		if isTest(name) || path.Dir(name) == "internal/clock" {
			continue
		}
		for _, at := range wallClock(s.ast) {
			p := t.fset.Position(at.Pos())
			out = append(out, breach{fmt.Sprintf("%s:%d", name, p.Line), "reads the wall clock"})
		}
	}
	return out
}

// zoneReads are the functions and variables of package time that ask the machine for a time zone, or read a text in one.
var zoneReads = []string{"LoadLocation", "LoadLocationFromTZData", "ParseInLocation", "Local"}

// zoneBreaches returns the places outside localtime that name one of zoneReads, and calls of a method Local. Tests are looked
// at, too: one that passes in the zone of its author is no test.
func zoneBreaches(t *tree) []breach {
	var out []breach
	for name, s := range t.sources {
		if path.Dir(name) == "internal/journey/localtime" || path.Dir(name) == "internal/dev/archtest" {
			continue
		}
		found := timeNames(s.ast, zoneReads)
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 0 {
				if method, ok := call.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Local" {
					found = append(found, call)
				}
			}
			return true
		})
		for _, at := range found {
			p := t.fset.Position(at.Pos())
			out = append(out, breach{fmt.Sprintf("%s:%d", name, p.Line), "asks the machine for a time zone"})
		}
	}
	return out
}

// wallClock returns the places where a file names one of clockReads.
func wallClock(file *ast.File) []ast.Node { return timeNames(file, clockReads) }

// timeNames returns the places where a file names one of these functions or variables of package time.
func timeNames(file *ast.File, names []string) []ast.Node {
	timeName := ""
	for _, i := range file.Imports {
		if p, _ := strconv.Unquote(i.Path.Value); p == "time" {
			if timeName = "time"; i.Name != nil {
				timeName = i.Name.Name
			}
		}
	}
	var out []ast.Node
	if timeName == "" {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(names, s.Sel.Name) {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == timeName {
				out = append(out, s)
			}
		}
		return true
	})
	return out
}

var (
	createTable = regexp.MustCompile(`(?i)\bcreate table (?:if not exists )?(\w+)`)
	createView  = regexp.MustCompile(`(?i)\bcreate view (\w+)([^;]*);`)
	plainView   = regexp.MustCompile(`(?is)^\s+as\s+select\s+[\w\s,]+\s+from\s+\w+(?:\s+where\s.*)?$`)
	// The tables of a statement: after from, also in a list, and after the words before a single one.
	listedTables = regexp.MustCompile(`\bfrom\s+(\w+(?:\s+(?:as\s+)?\w+)?(?:\s*,\s*\w+(?:\s+(?:as\s+)?\w+)?)*)`)
	namedTable   = regexp.MustCompile(`\b(?:into|update|join|table|references)\s+(\w+)`)
	writtenTable = regexp.MustCompile(`\b(?:into|update|delete\s+from)\s+(\w+)`)
)

// tableBreaches returns the tables that more than one package names in SQL, and the views that are written, that nobody
// reads, or that publish more than named columns of one table. Tests and internal/dev, which look at the store from outside,
// are left out.
func tableBreaches(t *tree) []breach {
	users, readers, written := map[string][]string{}, map[string][]string{}, map[string]bool{}
	var out []breach
	for name, text := range t.texts {
		if path.Ext(name) != ".sql" {
			continue
		}
		for _, m := range createTable.FindAllStringSubmatch(text, -1) {
			users[m[1]] = nil
		}
		for _, m := range createView.FindAllStringSubmatch(text, -1) {
			readers[m[1]] = nil
			if !plainView.MatchString(m[2]) {
				out = append(out, breach{m[1], "is a view, and must select named columns of one table"})
			}
		}
	}
	for name, s := range t.sources {
		dir := path.Dir(name)
		if isTest(name) || in(dir, "internal/dev") {
			continue
		}
		names, writes := tablesOf(s.ast)
		for _, table := range names {
			for _, of := range []map[string][]string{users, readers} {
				if by, known := of[table]; known && !slices.Contains(by, dir) {
					of[table] = append(by, dir)
				}
			}
		}
		for _, table := range writes {
			written[table] = true
		}
	}
	for table, by := range users {
		if slices.Sort(by); len(by) > 1 {
			out = append(out, breach{table, "is named in SQL by " + strings.Join(by, ", ")})
		}
	}
	for view, by := range readers {
		if len(by) == 0 {
			out = append(out, breach{view, "is a view that nobody reads"})
		}
		if written[view] {
			out = append(out, breach{view, "is a view, and is written"})
		}
	}
	return out
}

// takesTable has the functions that take a table by its name alone, as their third argument.
var takesTable = map[string]bool{"Insert": true, "Update": true, "Erase": true, "Replace": true}

// tablesOf returns the tables that the strings of a file name as SQL does, and those of them that they write. A string that
// is concatenated is several strings.
func tablesOf(file *ast.File) (names, writes []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 2 && takesTable[f.Sel.Name] {
				if table := strings.FieldsFunc(firstText(n.Args[2]), func(r rune) bool { return r == ' ' || r == '(' }); len(table) > 0 {
					names, writes = append(names, table[0]), append(writes, table[0])
				}
			}
		case *ast.BasicLit:
			for _, m := range listedTables.FindAllStringSubmatch(n.Value, -1) {
				for one := range strings.SplitSeq(m[1], ",") {
					names = append(names, strings.Fields(one)[0])
				}
			}
			for _, m := range namedTable.FindAllStringSubmatch(n.Value, -1) {
				names = append(names, m[1])
			}
			for _, m := range writtenTable.FindAllStringSubmatch(n.Value, -1) {
				writes = append(writes, m[1])
			}
		}
		return true
	})
	return names, writes
}

// firstText returns the first literal of a string expression.
func firstText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return firstText(e.X)
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	}
	return ""
}

// privateNames are file names that only their author understood; NAMES in docs/glossary.md has better ones.
var privateNames = strings.Fields(`attend underway overdue listen park strays poison aside lanes intake standing numbers decided draft seed
	eaten eaten_flow flatten reads valid doings happen heard world root deeds ground facts hops drive beside likes grams dice blend folder
	stop garbage compare show contact call fail pressure`)

// aptNames are files whose name is right where they are.
var aptNames = []string{"activities/channels/call.go"}

func fileNames(t *tree) []breach {
	var out []breach
	for name := range t.sources {
		base := strings.TrimSuffix(path.Base(name), ".go")
		if slices.Contains(privateNames, base) && !slices.Contains(aptNames, name) && !strings.HasPrefix(name, "activities/call") {
			out = append(out, breach{name, "says nothing of what it holds"})
		}
	}
	return out
}
