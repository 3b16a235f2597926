package lint

import (
	"slices"
	"unicode"

	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// traitUse is a place that names a trait: an expression, a template, or a step that sets it.
type traitUse struct {
	place *source.Node // nil: a place of its own
	at    source.Pos
	name  string
}

// trait notes that a place names a trait. A place counts once.
func (f *fileCheck) trait(place *source.Node, at source.Pos, name string) {
	for _, t := range f.traits {
		if t.place == place && place != nil && t.name == name {
			return
		}
	}
	f.traits = append(f.traits, traitUse{place, at, name})
}

// unknownTraits warns about a trait that one place alone names, and that is one letter from one that two others name.
// Traits are free, so that nothing else can be said about them.
func unknownTraits(files []*fileCheck) {
	places := map[string]int{}
	for _, f := range files {
		for _, t := range f.traits {
			places[t.name]++
		}
	}
	var known []string
	for name, n := range places {
		if n >= 2 {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	for _, f := range files {
		for _, t := range f.traits {
			if places[t.name] > 1 {
				continue
			}
			for _, name := range known {
				if oneLetterApart([]rune(t.name), []rune(name)) {
					f.Report(t.at, "unknown-trait", name, "no other place names the trait %q", t.name)
					break
				}
			}
		}
	}
}

// oneLetterApart reports whether one insertion, deletion, substitution or swap of neighbors makes a into b. Digits do not
// count: line1 and line2 are two traits.
func oneLetterApart(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	start := 0
	for start < len(a) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	x, y := a[start:len(a)-end], b[start:len(b)-end]
	if slices.ContainsFunc(slices.Concat(x, y), unicode.IsDigit) {
		return false
	}
	switch {
	case len(x) <= 1 && len(y) == 1:
		return true
	case len(x) == 2 && len(y) == 2:
		return x[0] == y[1] && x[1] == y[0]
	}
	return false
}
