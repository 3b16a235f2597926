package simulate

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/language"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
)

// keepRendered keeps what the activity that runs has rendered.
func (w *scenarioRun) keepRendered(r activities.Rendered) {
	w.rendered = &r
	if w.opts.Rendered != nil {
		w.opts.Rendered(r)
	}
}

// saysOtherwise returns how a message that was sent differs from what it should say; nil if it does not.
func saysOtherwise(want scenario.Said, got *activities.Rendered) *difference {
	if want.Language == "" && want.Subject == nil && len(want.Contains)+len(want.NotContains) == 0 {
		return nil
	}
	name := want.Message
	if got == nil || got.Fields == nil {
		return &difference{key: ".message", expected: name + " with a text", actual: "its text is unknown"}
	}
	if want.Language != "" {
		if is, ok := inLanguage(want.Language, got); !ok {
			return &difference{key: ".language", expected: name + " in " + want.Language, actual: is}
		}
	}
	if want.Subject != nil {
		subject, has := got.Fields["subject"]
		switch {
		case !has:
			return &difference{key: ".subject", expected: name + " with subject " + strconv.Quote(*want.Subject),
				actual: got.Spec.Name + " has no subject"}
		case plainSpaces(subject) != plainSpaces(*want.Subject):
			return &difference{key: ".subject", expected: name + " with subject " + strconv.Quote(*want.Subject),
				actual: strconv.Quote(subject)}
		}
	}
	for i, piece := range want.Contains {
		if !contains(got.Fields, piece) {
			return &difference{key: fmt.Sprintf(".contains[%d]", i), expected: name + " to contain " + strconv.Quote(piece),
				actual: nearest(got.Fields, piece)}
		}
	}
	for i, piece := range want.NotContains {
		for _, field := range sorted(got.Fields) {
			if at := strings.Index(plainSpaces(got.Fields[field]), plainSpaces(piece)); at >= 0 {
				return &difference{key: fmt.Sprintf(".not_contains[%d]", i), expected: name + " without " + strconv.Quote(piece),
					actual: field + ": " + excerpt(plainSpaces(got.Fields[field]), at, at+len(plainSpaces(piece)))}
			}
		}
	}
	return nil
}

// contains reports whether a text of a treatment has a piece. A piece may be written as in html ("Tom &amp; Jerry") or as a person
// reads it.
func contains(fields map[string]string, piece string) bool {
	piece = plainSpaces(piece)
	for name, text := range fields {
		text = plainSpaces(text)
		if strings.Contains(text, piece) || name == "html" && strings.Contains(plainSpaces(html.UnescapeString(text)), piece) {
			return true
		}
	}
	return false
}

// plainSpaces turns every kind of space, and every line end, into a plain space.
func plainSpaces(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}

// inLanguage reports whether a message was sent in a language, and says in which it was.
//
// A treatment under languages is in that language. The message's own text does not say which it is in. It counts as any language that
// has no treatment under languages and whose script the text is written in.
func inLanguage(want string, got *activities.Rendered) (is string, ok bool) {
	listed := maps.Clone(got.Message.Languages)
	maps.DeleteFunc(listed, func(_ string, by map[string]journey.Treatment) bool {
		return !got.Spec.Any && len(by[got.Spec.Name]) == 0
	})
	if name, found := human.MatchLanguage(listed, got.Language); found {
		return "it is in " + name, sameLanguage(want, name)
	}
	why := "the customer has no language"
	if got.Language != "" {
		why = "the customer's language is " + strconv.Quote(got.Language)
	}
	if _, elsewhere := human.MatchLanguage(listed, want); elsewhere {
		return "it is the message's own text: " + why, false
	}
	return "it is the message's own text, which is in another script: " + why, writtenIn(want, got.Fields)
}

// sameLanguage reports whether what is in one language is in the other: ja is ja, ja-JP is ja, but pt is not pt-BR.
func sameLanguage(want, is string) bool {
	tag := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }
	return tag(want) == tag(is) || strings.HasPrefix(tag(is), tag(want)+"-")
}

// scripts are the letters of the scripts that texts of a language are written in; Latin for those that are not here.
var scripts = map[string][]*unicode.RangeTable{
	"Jpan": {unicode.Hiragana, unicode.Katakana, unicode.Han}, "Hans": {unicode.Han}, "Hant": {unicode.Han},
	"Kore": {unicode.Hangul}, "Cyrl": {unicode.Cyrillic}, "Grek": {unicode.Greek}, "Arab": {unicode.Arabic}, "Hebr": {unicode.Hebrew},
	"Thai": {unicode.Thai}, "Deva": {unicode.Devanagari}, "Beng": {unicode.Bengali}, "Taml": {unicode.Tamil},
}

// writtenIn reports whether a treatment has a letter of the script of a language.
func writtenIn(name string, fields map[string]string) bool {
	script, _ := language.Make(strings.ReplaceAll(name, "_", "-")).Script()
	letters := scripts[script.String()]
	if letters == nil {
		letters = []*unicode.RangeTable{unicode.Latin}
	}
	for field, text := range fields {
		if field == "html" { // its tags are Latin
			text = fields["text"]
		}
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsOneOf(letters, r) }) {
			return true
		}
	}
	return false
}

// longest is how many characters of a text are searched for the place that is most like a piece.
const longest = 20_000

// nearest returns the place of a treatment that is most like a piece which it does not have, in words for whoever mends the one or the
// other. Where nothing is like it, that is the beginning of the texts.
func nearest(fields map[string]string, piece string) string {
	best, said := 1.0, ""
	for _, name := range readingOrder(fields) {
		text := plainSpaces(fields[name])
		from, to, cost := closest(text, plainSpaces(piece))
		if share := float64(cost) / float64(len([]rune(piece))); share < best {
			best, said = share, name+": "+excerpt(text, from, to)
		}
	}
	if best <= 0.5 {
		return said
	}
	var parts []string
	for _, name := range readingOrder(fields) {
		if text := strings.TrimSpace(plainSpaces(fields[name])); text != "" && name != "html" {
			parts = append(parts, name+": "+strconv.Quote(human.Shorten(text, 120)))
		}
	}
	return "nothing like it; " + strings.Join(parts, ", ")
}

// readingOrder returns the names of fields, html last: its text says the same without tags.
func readingOrder(fields map[string]string) []string {
	names := slices.DeleteFunc(sorted(fields), func(name string) bool { return name == "html" })
	if _, ok := fields["html"]; ok {
		names = append(names, "html")
	}
	return names
}

// closest returns the part of a text that takes the fewest insertions, deletions and substitutions to become piece, in bytes, and how
// many (Sellers' algorithm: the edit distance to any part of the text, one row per character of the text).
func closest(text, piece string) (from, to, cost int) {
	wanted := []rune(piece)
	type cell struct{ cost, from int }
	row := make([]cell, len(wanted)+1)
	for j := range row {
		row[j] = cell{cost: j}
	}
	cost = len(wanted)
	seen := 0
	for at, r := range text {
		if seen++; seen > longest {
			break
		}
		diagonal := row[0]
		row[0] = cell{from: at + len(string(r))} // a match may begin after this character
		diagonal.from = at
		for j, w := range wanted {
			best := diagonal
			if unicode.ToLower(w) != unicode.ToLower(r) {
				best.cost++
			}
			if up := row[j+1]; up.cost+1 < best.cost {
				best = cell{up.cost + 1, up.from}
			}
			if left := row[j]; left.cost+1 < best.cost {
				best = cell{left.cost + 1, left.from}
			}
			diagonal, row[j+1] = row[j+1], best
		}
		if last := row[len(wanted)]; last.cost < cost {
			from, to, cost = last.from, at+len(string(r)), last.cost
		}
	}
	return from, to, cost
}

// excerpt returns a part of a text with what is around it, in quotes.
func excerpt(text string, from, to int) string {
	const around = 24
	before, after := []rune(text[:from]), []rune(text[to:])
	out := text[from:to]
	if len(before) > around {
		out = "…" + string(before[len(before)-around:]) + out
	} else {
		out = string(before) + out
	}
	if len(after) > around {
		out += string(after[:around]) + "…"
	} else {
		out += string(after)
	}
	return strconv.Quote(strings.TrimSpace(out))
}
