package limits

import (
	"encoding/json"
	"maps"
	"slices"
)

// size is what the limits count of traits.
type size struct{ bytes, keys, depth int }

// measure returns the size of a JSON value. Numbers and escapes are estimated, so that a value is read once and nothing is written.
func measure(value any) size {
	switch v := value.(type) {
	case map[string]any:
		out := size{bytes: 2}
		for name, inner := range v {
			s := measure(inner)
			out.bytes += len(name) + 4 + s.bytes
			out.keys += 1 + s.keys
			out.depth = max(out.depth, s.depth)
		}
		out.depth++
		return out
	case []any:
		out := size{bytes: 2}
		for _, inner := range v {
			s := measure(inner)
			out.bytes += 1 + s.bytes
			out.keys += s.keys
			out.depth = max(out.depth, s.depth)
		}
		out.depth++
		return out
	case string:
		return size{bytes: escaped(v)}
	case json.Number:
		return size{bytes: len(v)}
	case bool, nil:
		return size{bytes: 5}
	}
	return size{bytes: 8}
}

// escaped returns the length of a text as JSON: control characters take six bytes, quotes two.
func escaped(text string) int {
	n := 2 + len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			n++
		case c < ' ':
			n += 5
		}
	}
	return n
}

// over reports whether traits are larger than the limits, times factor.
func (l Limits) over(s size, factor int) bool {
	return s.bytes > factor*l.TraitBytes || s.keys > factor*l.TraitKeys || s.depth > l.TraitDepth
}

// Traits returns an Error if a change makes traits larger than the limits. What was larger before may shrink. An opt-out may take twice
// as much, since it must never be refused.
func (l Limits) Traits(before, after map[string]any, optOut bool) *Error {
	factor := 1
	if optOut {
		factor = 2
	}
	now := measure(after)
	if !l.over(now, factor) {
		return nil
	}
	if was := measure(before); l.over(was, factor) && now.bytes <= was.bytes && now.keys <= was.keys && now.depth <= was.depth {
		return nil
	}
	return refused(ProfileTooLarge,
		"with this call the customer's traits would have %d bytes, %d names and %d levels; at most %d bytes, %d names and %d levels are "+
			"possible. Nothing of the call was stored", now.bytes, now.keys, now.depth, l.TraitBytes, l.TraitKeys, l.TraitDepth)
}

// FitTraits returns the traits of two customers that become one, as far as they fit. merged has what both have; kept has what must stay,
// which is the survivor's own. If merged is too large, what it adds to kept is added trait by trait, in the order of the names, and
// dropped has the names of those that did not fit.
func (l Limits) FitTraits(kept, merged map[string]any, keep ...string) (traits map[string]any, dropped []string) {
	if !l.over(measure(merged), 1) {
		return merged, nil
	}
	traits = maps.Clone(kept)
	if traits == nil {
		traits = map[string]any{}
	}
	for _, name := range keep {
		if value, has := merged[name]; has {
			traits[name] = value
		}
	}
	s := measure(traits)
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		if slices.Contains(keep, name) {
			continue
		}
		own, has := traits[name]
		was, will := measure(own), measure(merged[name])
		if !has {
			was = size{}
			will.bytes, will.keys = will.bytes+len(name)+4, will.keys+1
		}
		next := size{s.bytes - was.bytes + will.bytes, s.keys - was.keys + will.keys, max(s.depth, will.depth+1)}
		switch {
		case was == will:
			traits[name] = merged[name]
		case l.over(next, 1):
			dropped = append(dropped, name)
		default:
			traits[name], s = merged[name], next
		}
	}
	return traits, dropped
}
