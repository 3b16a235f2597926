package render

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// parsed caches templates, since the same few are rendered for every customer.
var parsed = func() *lru.Cache[templateKey, *template.Template] {
	cache, err := lru.New[templateKey, *template.Template](512)
	if err != nil {
		panic(err) // the size is not positive
	}
	return cache
}()

type templateKey struct {
	source string
	html   bool
}

// parse returns a template, parsed once.
func parse(source string, html bool) *template.Template {
	key := templateKey{source, html}
	t, ok := parsed.Get(key)
	if !ok {
		t = template.Parse(source, html)
		parsed.Add(key, t)
	}
	return t
}

// run renders one template. The error's Field is empty.
func run(ctx context.Context, field, source string, env template.Env, opts Options) (string, *Error) {
	t := parse(source, env.HTML)
	if len(t.Problems) > 0 {
		p := t.Problems[0]
		return "", &Error{Line: 1 + strings.Count(source[:max(0, p.Offset)], "\n"), Cause: "cannot be read: " + p.Message}
	}
	text, notes, err := t.Render(ctx, env)
	for _, n := range notes {
		report(opts, field, n)
	}
	var stop *template.StopError
	if errors.As(err, &stop) {
		cause := stop.Error()
		if stop.File != "" {
			cause = stop.File + " " + cause
		}
		return "", &Error{Line: stop.Line, Cause: cause}
	}
	if field == "body" && looksLikeJSON(text) && !json.Valid([]byte(text)) {
		report(opts, field, template.Note{Filter: "json", Cause: "the text begins as JSON does and is none: it is sent as it is"})
	}
	return text, nil
}

// looksLikeJSON reports whether a text begins as an object or a list.
func looksLikeJSON(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[{") || strings.HasPrefix(text, "[\"")
}

// report counts an odd value, and passes it on.
func report(opts Options, field string, n template.Note) {
	oddValues.add(n.Filter)
	if opts.Odd != nil {
		opts.Odd(field, n)
	}
}

// oddValues counts the values that filters of this process could not use, by filter.
var oddValues = counts{n: map[string]uint64{}}

type counts struct {
	mu sync.Mutex
	n  map[string]uint64
}

func (c *counts) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[name]++
}

// OddValues returns how many values filters could not use since the process started, by filter.
func OddValues() map[string]uint64 {
	oddValues.mu.Lock()
	defer oddValues.mu.Unlock()
	return maps.Clone(oddValues.n)
}

// sortedKeys returns the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
