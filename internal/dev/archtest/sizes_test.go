package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Sizes.
const (
	maxFiles        = 32
	maxPackageLines = 4_000
	maxLines        = 400
	maxColumns      = 140
	tabWidth        = 4
)

func packageSizes(t *tree) []breach {
	files, lines := map[string]int{}, map[string]int{}
	for name, s := range t.sources {
		if !isTest(name) {
			files[path.Dir(name)]++
			lines[path.Dir(name)] += strings.Count(s.text, "\n")
		}
	}
	var out []breach
	for dir, n := range files {
		if n > maxFiles {
			out = append(out, breach{dir, fmt.Sprintf("has %d files, more than %d", n, maxFiles)})
		}
		if lines[dir] > maxPackageLines {
			out = append(out, breach{dir, fmt.Sprintf("has %d lines, more than %d", lines[dir], maxPackageLines)})
		}
	}
	return out
}

// fileLengths leaves tests out: their tables may be long.
func fileLengths(t *tree) []breach {
	var out []breach
	for name, s := range t.sources {
		if n := strings.Count(s.text, "\n"); n > maxLines && !isTest(name) {
			out = append(out, breach{name, fmt.Sprintf("has %d lines, more than %d", n, maxLines)})
		}
	}
	return out
}

func lineWidths(t *tree) []breach {
	var out []breach
	for name, s := range t.sources {
		for i, line := range strings.Split(s.text, "\n") {
			if n := columns(line); n > maxColumns {
				out = append(out, breach{fmt.Sprintf("%s:%d", name, i+1), fmt.Sprintf("has %d columns, more than %d", n, maxColumns)})
			}
		}
	}
	return out
}

// columns returns the width of a line, with a tab stop every tabWidth columns.
func columns(line string) int {
	n := 0
	for len(line) > 0 {
		r, size := utf8.DecodeRuneInString(line)
		line = line[size:]
		if n++; r == '\t' {
			n += (tabWidth - n%tabWidth) % tabWidth
		}
	}
	return n
}

// folders are the top-level folders.
var folders = []string{
	"activities", "bin", "channel", "deploy", "docs", "internal", "journeys", "starter", "tools", "worker", "workflows",
}

func folderBreaches(t *tree) []breach {
	var out []breach
	for _, f := range t.folders {
		if !slices.Contains(folders, f) {
			out = append(out, breach{f, "is a new folder at the root"})
		}
	}
	return out
}

func packageComments(t *tree) []breach {
	documented := map[string]bool{}
	for name, s := range t.sources {
		if !isTest(name) {
			dir := path.Dir(name)
			documented[dir] = documented[dir] || s.ast.Doc != nil
		}
	}
	var out []breach
	for dir, ok := range documented {
		if !ok {
			out = append(out, breach{dir, "has no package comment"})
		}
	}
	return out
}
