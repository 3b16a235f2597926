package archtest

import (
	"go/ast"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// clockReads are the functions of package time that read or wait on the wall clock without being told the time.
var clockReads = []string{"Now", "Since", "Until"}

func TestOnlyClockReadsTheWallClock(t *testing.T) {
	t.Parallel()
	for name, file := range sources(t) {
		if strings.HasSuffix(name, "_test.go") || path.Dir(name) == "internal/clock" {
			continue
		}
		for _, at := range wallClock(file) {
			t.Errorf("%s reads the wall clock: take the time as a parameter, or call clock.Wall or clock.Now", at)
		}
	}
}

// wallClock gives the positions at which a file calls or names one of clockReads.
func wallClock(file *ast.File) []string {
	timeName := ""
	for _, i := range file.Imports {
		if p, _ := strconv.Unquote(i.Path.Value); p == "time" {
			if timeName = "time"; i.Name != nil {
				timeName = i.Name.Name
			}
		}
	}
	var out []string
	if timeName == "" {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(clockReads, s.Sel.Name) {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == timeName {
				out = append(out, fset.Position(s.Pos()).String())
			}
		}
		return true
	})
	return out
}

// Long files hide their parts. Tables of tests may be long.
const maxLines = 400

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for name, file := range sources(t) {
		if lines := fset.File(file.Pos()).LineCount(); lines > maxLines && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s has %d lines, more than %d: split it by what its parts do", name, lines, maxLines)
		}
	}
}

// folders are the top-level folders of the house; docs/architecture.md says what each is for.
var folders = []string{
	"activities", "bin", "deploy", "docs", "internal", "journeys", "starter", "tools", "worker", "workflows",
}

func TestFolders(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(folders, e.Name()) {
			t.Errorf("folder %s is not part of the house: %s", e.Name(), strings.Join(folders, " "))
		}
	}
}

// Packages say what they are for.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for name, file := range sources(t) {
		if !strings.HasSuffix(name, "_test.go") {
			dir := path.Dir(name)
			documented[dir] = documented[dir] || file.Doc != nil
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package in %s has no package comment", dir)
		}
	}
}
