package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/tabi-journeys/tabi"

// tree is what the rules are checked against: this repository, or a small one that a test makes up.
type tree struct {
	fset     *token.FileSet
	sources  map[string]source // Go files by path from the root; generated test data is left out
	texts    map[string]string // SQL, Markdown and HTML files by path from the root
	packages map[string]listed // this module's packages and everything they import, by import path
	folders  []string          // at the root
	dir      string            // the root; empty for a tree that a test makes up
}

// source is one Go file.
type source struct {
	text string
	ast  *ast.File
}

// listed is what `go list` reports about a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// newTree returns a tree of Go files without packages.
func newTree(files map[string]string) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), sources: map[string]source{}, texts: map[string]string{}, packages: map[string]listed{}}
	for name, text := range files {
		if !strings.HasSuffix(name, ".go") {
			t.texts[name] = text
			continue
		}
		parsed, err := parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		t.sources[name] = source{text, parsed}
	}
	return t, nil
}

// root returns the repository's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("no go.mod above this package: %v", err)
	}
	return dir
}

var repository struct {
	once sync.Once
	tree *tree
	err  error
}

// thisTree returns this repository, read once.
func thisTree(t *testing.T) *tree {
	t.Helper()
	dir := root(t)
	repository.once.Do(func() { repository.tree, repository.err = readTree(dir) })
	if repository.err != nil {
		t.Fatal(repository.err)
	}
	return repository.tree
}

func readTree(dir string) (*tree, error) {
	files := map[string]string{}
	skipped := []string{"bin", "testdata", "node_modules"}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != dir && (strings.HasPrefix(name, ".") || slices.Contains(skipped, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".sql", ".md", ".html"}, path.Ext(name)) {
			return nil
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		return nil, err
	}
	t, err := newTree(files)
	if err != nil {
		return nil, err
	}
	if len(t.sources) < 100 {
		return nil, errors.New("almost no Go files: the walk is wrong")
	}
	if t.packages, err = list(dir); err != nil {
		return nil, err
	}
	t.dir = dir
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			t.folders = append(t.folders, e.Name())
		}
	}
	return t, err
}

func list(dir string) (map[string]listed, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(stderr.String()))
	}
	all := map[string]listed{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[p.ImportPath] = p
	}
}

// own returns the path from the root of one of this module's packages ("." for the root package).
func own(importPath string) (dir string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// ownPackages returns this module's packages by their path from the root.
func (t *tree) ownPackages() map[string]listed {
	out := map[string]listed{}
	for importPath, p := range t.packages {
		if dir, ok := own(importPath); ok {
			out[dir] = p
		}
	}
	return out
}

// isTest reports whether a file is part of a test only.
func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// in reports whether dir is one of the folders or lies below one.
func in(dir string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return dir == f || strings.HasPrefix(dir, f+"/") })
}
