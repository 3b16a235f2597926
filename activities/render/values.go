package render

import (
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// environment returns the variables of a template, and the zone and language that it writes times and numbers in.
func environment(v expr.Vars, data map[string]any, opts Options) template.Env {
	intent := make(map[string]any, len(v.Intent))
	for name, score := range v.Intent {
		intent[name] = score
	}
	steps := make(map[string]any, len(v.Steps))
	for id, result := range v.Steps {
		steps[id] = result
	}
	env := template.Env{Language: opts.Language, Vars: map[string]any{
		"customer": v.Customer,
		"entry":    v.Entry,
		"event":    v.Event,
		"vars":     v.Vars,
		"steps":    named(steps),
		"intent":   named(intent),
		"data":     data,
		"now":      v.Now,
	}}
	if opts.Unsubscribe != "" {
		env.Vars["unsubscribe_url"] = opts.Unsubscribe
	}
	if opts.Preferences != "" {
		env.Vars["preferences_url"] = opts.Preferences
	}
	if opts.Confirm != "" {
		env.Vars["confirm_url"] = opts.Confirm
	}
	if env.Language == "" {
		env.Language, _ = v.Customer["language"].(string)
	}
	if name, ok := v.Customer["timezone"].(string); ok {
		env.Zone, _ = localtime.Zone(strings.TrimSpace(name))
	}
	return env
}

// named adds the names as expressions spell them, with _ for -.
func named(m map[string]any) map[string]any {
	for _, name := range sortedKeys(m) {
		if plain := strings.ReplaceAll(name, "-", "_"); plain != name {
			if _, taken := m[plain]; !taken {
				m[plain] = m[name]
			}
		}
	}
	return m
}
