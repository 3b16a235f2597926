package propensity

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Feature is one fact about a customer when an action is decided: a trait, a score, how often something happened.
type Feature struct {
	Name     string
	Number   float64 // if IsNumber; NaN and infinities count as missing
	Symbol   string  // if not IsNumber; empty counts as missing
	IsNumber bool
}

// Features are a customer's, in any order. Every other feature is missing, which is information too. Of several
// features with one name and kind the smallest counts.
type Features []Feature

// Number returns a numeric feature.
func Number(name string, v float64) Feature { return Feature{Name: name, Number: v, IsNumber: true} }

// Symbol returns a feature that is one of several names.
func Symbol(name, v string) Feature { return Feature{Name: name, Symbol: v} }

// maxName is how much of a feature's name a model keeps, in bytes.
const maxName = 64

// value is a feature as a model sees it: small, and the same on every machine.
type value struct {
	name   string
	number bool
	x      float32 // of a number
	hash   uint32  // of a name
}

// compareKey orders predictors: names before numbers, each by name.
func compareKey(v value, p *predictor) int { return compareKeys(v.name, v.number, p.name, p.number) }

func compareKeys(a string, aNumber bool, b string, bNumber bool) int {
	switch {
	case aNumber == bNumber:
		return strings.Compare(a, b)
	case aNumber:
		return 1
	}
	return -1
}

// values sorts the known features by key, and drops missing and repeated ones.
func (f Features) values(into []value) []value {
	out := into[:0]
	for _, one := range f {
		v := value{name: one.Name, number: one.IsNumber}
		if len(v.name) > maxName {
			v.name = strings.ToValidUTF8(v.name[:maxName], "")
		}
		switch {
		case one.Name == "", !one.IsNumber && one.Symbol == "", one.IsNumber && (math.IsNaN(one.Number) || math.IsInf(one.Number, 0)):
			continue
		case one.IsNumber:
			v.x = float32(max(-maxNumber, min(one.Number, maxNumber))) + 0 // + 0: no negative zero
		default:
			v.hash = hash(one.Symbol)
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b value) int {
		if c := compareKeys(a.name, a.number, b.name, b.number); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.hash, b.hash))
	})
	return slices.CompactFunc(out, func(a, b value) bool { return a.name == b.name && a.number == b.number })
}

// maxNumber bounds numbers, so that two of them can be added.
const maxNumber = 1e38

// hash is FNV-1a. A model stores no customer's words, only these numbers.
func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
