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

// wallClock returns the places where a file names one of clockReads.
func wallClock(file *ast.File) []ast.Node {
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
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(clockReads, s.Sel.Name) {
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
	namedTable  = regexp.MustCompile(`\b(?:from|into|update|join|table)\s+(\w+)`)
)

// tableBreaches returns the tables that strings of more than one package name as SQL does. Tests and internal/dev,
// which look at the store from outside, are left out.
func tableBreaches(t *tree) []breach {
	users := map[string][]string{}
	for name, text := range t.texts {
		for _, m := range createTable.FindAllStringSubmatch(text, -1) {
			if path.Ext(name) == ".sql" {
				users[m[1]] = nil
			}
		}
	}
	for name, s := range t.sources {
		dir := path.Dir(name)
		if isTest(name) || in(dir, "internal/dev") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok {
				return true
			}
			for _, m := range namedTable.FindAllStringSubmatch(l.Value, -1) {
				if by, known := users[m[1]]; known && !slices.Contains(by, dir) {
					users[m[1]] = append(by, dir)
				}
			}
			return true
		})
	}
	var out []breach
	for table, by := range users {
		if slices.Sort(by); len(by) > 1 {
			out = append(out, breach{table, "is named in SQL by " + strings.Join(by, ", ")})
		}
	}
	return out
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
