package propensity

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Feature is one thing known about a customer when an action is weighed: a trait, a score, how often something happened.
type Feature struct {
	Name     string
	Number   float64 // where IsNumber; NaN and infinities count as missing
	Symbol   string  // where not IsNumber; empty counts as missing
	IsNumber bool
}

// Features are a customer's, in any order. What is not among them is missing, and missing says something too.
// Of features with one name and kind, the smallest counts.
type Features []Feature

// Number is a numeric feature.
func Number(name string, v float64) Feature { return Feature{Name: name, Number: v, IsNumber: true} }

// Symbol is a feature that is one of several names.
func Symbol(name, v string) Feature { return Feature{Name: name, Symbol: v} }

// Flag is a feature that is true or false.
func Flag(name string, v bool) Feature {
	if v {
		return Symbol(name, "true")
	}
	return Symbol(name, "false")
}

// maxName is how much of a name a model keeps, in bytes.
const maxName = 64

// value is a feature as a model sees it: small, and the same on every machine.
type value struct {
	name   string
	number bool
	x      float32 // of a number
	hash   uint64  // of a symbol
}

// key orders predictors: by name, then symbols before numbers.
func compareKey(a string, aNumber bool, b string, bNumber bool) int {
	if c := strings.Compare(a, b); c != 0 || aNumber == bNumber {
		return c
	}
	if aNumber {
		return 1
	}
	return -1
}

// values sorts what is known by key, and drops what is missing or said twice.
func (f Features) values(into []value) []value {
	out := into[:0]
	for _, one := range f {
		v := value{name: one.Name, number: one.IsNumber}
		if len(v.name) > maxName {
			v.name = strings.ToValidUTF8(v.name[:maxName], "")
		}
		switch {
		case one.Name == "", !one.IsNumber && one.Symbol == "":
			continue
		case !one.IsNumber:
			v.hash = hash(one.Symbol)
		case math.IsNaN(one.Number) || math.IsInf(one.Number, 0):
			continue
		default:
			v.x = float32(max(-math.MaxFloat32, min(one.Number, math.MaxFloat32)))
			v.x += 0 // no negative zero
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b value) int {
		if c := compareKey(a.name, a.number, b.name, b.number); c != 0 {
			return c
		}
		if c := cmp.Compare(a.x, b.x); c != 0 {
			return c
		}
		return cmp.Compare(a.hash, b.hash)
	})
	return slices.CompactFunc(out, func(a, b value) bool { return a.name == b.name && a.number == b.number })
}

// hash is FNV-1a: a model holds no customer's words, only numbers that stand for them.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
