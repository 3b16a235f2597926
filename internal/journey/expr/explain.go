package expr

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
)

// maxDescribed bounds how many values Describe names.
const maxDescribed = 4

// Describe returns the values that the expression reads by name, in words: customer.renews_at is "2026/05/04", a text;
// customer.tier is missing.
func (e *Evaluator) Describe(v Vars) []string {
	roots := map[string]any{"customer": v.Customer, "entry": v.Entry, "event": v.Event, "vars": v.Vars}
	var out []string
	seen := map[string]bool{}
	for _, use := range e.Refs.Uses {
		value, known := roots[use[0].Name]
		if !known || len(use) == 1 {
			continue
		}
		names := []string{use[0].Name}
		for _, part := range use[1:] {
			names = append(names, part.Name)
			properties, _ := value.(map[string]any)
			if value = properties[part.Name]; value == nil {
				break
			}
		}
		name := strings.Join(names, ".")
		if seen[name] || len(out) == maxDescribed {
			continue
		}
		seen[name] = true
		out = append(out, name+" "+valueWords(value))
	}
	return out
}

// valueWords says what a value is.
func valueWords(value any) string {
	switch v := value.(type) {
	case nil:
		return "is missing"
	case string:
		return fmt.Sprintf("is %q, a text", human.Shorten(v, 40))
	case bool:
		return fmt.Sprintf("is %v", v)
	case time.Time:
		return "is " + v.UTC().Format(time.RFC3339)
	case map[string]any:
		return "is a map"
	case []any:
		return "is a list"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "is a value"
	}
	return "is " + human.Shorten(string(text), 40)
}
