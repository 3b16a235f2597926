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
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/tabi-journeys/tabi"

// root is the repository's folder.
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

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

var listing struct {
	once     sync.Once
	packages map[string]listed
	err      error
}

// packages are this module's packages and all they import, by import path.
func packages(t *testing.T) map[string]listed {
	t.Helper()
	listing.once.Do(func() { listing.packages, listing.err = list(root(t)) })
	if listing.err != nil {
		t.Fatal(listing.err)
	}
	return listing.packages
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

// room is a package of this module and the packages under it.
func room(all map[string]listed, name string) []listed {
	var out []listed
	for path, p := range all {
		if path == module+"/"+name || strings.HasPrefix(path, module+"/"+name+"/") {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b listed) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return out
}

// sources are the Go files that git would commit, by path from the root.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	dir := root(t)
	files := map[string]*ast.File{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != dir && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata" || name == "zz") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)], err = parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("found %d Go files; the walk is wrong", len(files))
	}
	return files
}

var fset = token.NewFileSet()
