package gallery

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Said is a text that a message says otherwise than before, to a sample customer. An empty side says nothing there.
type Said struct {
	Message   string `json:"message"`
	Treatment string `json:"treatment"` // email, friendly, ja
	Customer  string `json:"customer"`  // the sample
	Field     string `json:"field"`     // text stands for html too
	Old       string `json:"old"`
	New       string `json:"new"`
	Markup    bool   `json:"markup_only,omitempty"` // only the html around the text changed
}

// Compare returns what the messages of two releases say otherwise. Both are rendered for a customer who has all that either reads, and for
// one of whom nothing is known. Messages that only one release has are left out.
func Compare(ctx context.Context, old, now *journey.Content, specs []channel.Spec) ([]Said, error) {
	var out []Said
	for _, name := range slices.Sorted(maps.Keys(now.Messages)) {
		before, after := old.Messages[name], now.Messages[name]
		if before == nil {
			continue
		}
		samples := samplesFor(append(readsOf(before, specs), readsOf(after, specs)...))
		samples = []Sample{samples[0], samples[3]}
		was, err := Build(ctx, old, specs, name, samples)
		if err != nil {
			return nil, err
		}
		is, err := Build(ctx, now, specs, name, samples)
		if err != nil {
			return nil, err
		}
		out = append(out, was.differences(is)...)
	}
	return out, nil
}

// differences returns the texts that differ, in the order of the later gallery. What an odd customer reads is left out where the typical
// one reads the same change.
func (g *Gallery) differences(later *Gallery) []Said {
	var out []Said
	seen := map[string]bool{}
	find := func(in *Gallery, of *View) *View {
		for i := range in.Views {
			if v := &in.Views[i]; v.Title() == of.Title() && v.Sample == of.Sample {
				return v
			}
		}
		return &View{}
	}
	compare := func(title View, was, is *View) {
		for _, field := range fieldsOf(was, is) {
			s := Said{Message: g.Message, Treatment: title.Title(), Customer: title.Sample, Field: field}
			s.Old, s.New = was.says(field), is.says(field)
			if s.Old == s.New {
				if field != "text" || was.Fields["html"] == is.Fields["html"] {
					continue
				}
				s.Markup = true
			}
			key := s.Treatment + "\x00" + field
			if title.Odd && seen[key] {
				continue
			}
			seen[key] = true
			out = append(out, s)
		}
	}
	for i := range later.Views {
		compare(later.Views[i], find(g, &later.Views[i]), &later.Views[i])
	}
	for i := range g.Views {
		if missing := find(later, &g.Views[i]); missing.Channel == "" {
			compare(g.Views[i], &g.Views[i], missing)
		}
	}
	return out
}

// says returns a field for people: why it cannot be rendered, where it cannot.
func (v *View) says(field string) string {
	if v.Err != "" {
		return "cannot be rendered: " + v.Err
	}
	return strings.TrimRight(v.Fields[field], "\n")
}

// fieldsOf returns the fields of both views that people read: html is read as its text.
func fieldsOf(a, b *View) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a.Fields)), maps.Keys(b.Fields))
	if a.Err != "" || b.Err != "" {
		names = append(names, "text")
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "html" })
}

// Lines returns the lines of two texts that differ, with one line around each, as unified diffs have them: "- ", "+ " or "  " before
// each, and "…" where lines are left out.
func Lines(old, now string) []string {
	a, b := strings.Split(old, "\n"), strings.Split(now, "\n")
	if old == "" {
		a = nil
	}
	if now == "" {
		b = nil
	}
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var all []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, "  "+a[i])
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			all = append(all, "- "+a[i])
			i++
		default:
			all = append(all, "+ "+b[j])
			j++
		}
	}
	var out []string
	changed := func(i int) bool { return i >= 0 && i < len(all) && all[i][0] != ' ' }
	for i := range all {
		if changed(i) || (changed(i-1) || changed(i+1)) && strings.TrimSpace(all[i]) != "" {
			out = append(out, all[i])
		} else if len(out) > 0 && out[len(out)-1] != "…" {
			out = append(out, "…")
		}
	}
	if n := len(out); n > 0 && out[n-1] == "…" {
		out = out[:n-1]
	}
	return out
}
