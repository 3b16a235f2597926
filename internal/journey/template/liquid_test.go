package template

import (
	"slices"
	"testing"
	"time"
)

// TestFilters compares the list of filters with the engine.
func TestFilters(t *testing.T) {
	t.Parallel()
	if !slices.IsSorted(liquidFilters) {
		t.Error("not sorted")
	}
	arguments := map[string]string{
		"join":          `: ","`,
		"split":         `: ","`,
		"date":          `: "%Y"`,
		"map":           `: "a"`,
		"where":         `: "a", 1`,
		"pluralize":     `: "a", "b"`,
		"replace":       `: "a", "b"`,
		"replace_first": `: "a", "b"`,
		"replace_last":  `: "a", "b"`,
		"slice":         ": 0",
		"concat":        ": list",
		"divided_by":    ": 2",
	}
	for _, html := range []bool{false, true} {
		engine := NewEngine(html)
		for _, name := range liquidFilters {
			argument, ok := arguments[name]
			if !ok {
				argument = ""
			}
			input := "n"
			if slices.Contains(
				[]string{"join", "map", "where", "concat", "compact", "first", "last", "reverse", "sort", "sort_natural", "sum", "uniq"},
				name,
			) {
				input = "list"
			}
			if slices.Contains(
				[]string{
					"append",
					"prepend",
					"remove",
					"remove_first",
					"remove_last",
					"at_least",
					"at_most",
					"minus",
					"plus",
					"times",
					"modulo",
					"default",
				},
				name,
			) {
				argument = ": 1"
			}
			template := "{{ " + input + " | " + name + argument + " }}"
			if _, err := engine.ParseAndRenderString(template,
				map[string]any{"n": "5", "list": []any{map[string]any{"a": 1}}}); err != nil {
				t.Errorf("html %v: %s: %v", html, template, err)
			}
		}
		if _, err := engine.ParseAndRenderString("{{ n | nofilter }}", nil); err == nil {
			t.Error("an unknown filter renders")
		}
		if _, err := engine.ParseAndRenderString(`{{ "now" | date: "%Y" }}`, nil); err == nil {
			t.Error("the wall clock can be read")
		}
		if _, err := engine.ParseAndRenderString(`{% include "x" %}`, nil); err == nil {
			t.Error("include renders")
		}
	}
	got, err := NewEngine(true).ParseAndRenderString(`{{ x }}{{ x | escape }}`, map[string]any{"x": "<b>"})
	if err != nil || got != "&lt;b&gt;&lt;b&gt;" {
		t.Errorf("escapes to %q, %v", got, err)
	}
	if _, err := NewEngine(true).ParseAndRenderString(`{{ x | safe }}`, map[string]any{"x": "<b>"}); err == nil {
		t.Error("safe renders")
	}
	if got, err := NewEngine(false).ParseAndRenderString(`{{ t | date: "%Y-%m-%d" }} {{ n | date: "%H:%M" }}`,
		map[string]any{"t": "2026-03-02", "n": time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}); err != nil ||
		got != "2026-03-02 10:00" {
		t.Errorf("dates are %q, %v", got, err)
	}
}
