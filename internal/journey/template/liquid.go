package template

import (
	"errors"
	"strings"
	"time"

	"github.com/osteele/liquid"
	"github.com/osteele/liquid/render"
	"github.com/osteele/tuesday"
)

// NewEngine makes the Liquid engine that lint and rendering share: the standard tags and filters, without `include` and
// `render`. With html, everything inserted is escaped and the filter `safe` is refused. The engine reads no file and no
// clock; it is safe for concurrent use once made.
func NewEngine(html bool) *liquid.Engine {
	engine := liquid.NewEngine()
	engine.RegisterTemplateStore(noTemplates{})
	engine.UnregisterTag("include")
	engine.UnregisterTag("render")
	engine.RegisterFilter("date", dateFilter)
	if !html {
		return engine
	}
	engine.RegisterFilter("safe", func(any) (any, error) {
		return nil, errors.New("everything inserted into html is escaped; there is no filter safe")
	})
	// Autoescape escapes anyway; escaping twice would show entities to the reader.
	engine.RegisterFilter("escape", func(v any) any { return v })
	engine.RegisterFilter("escape_once", func(v any) any { return v })
	engine.SetAutoEscapeReplacer(render.HtmlEscaper)
	return engine
}

// noTemplates refuses to load templates: a message is one file.
type noTemplates struct{}

func (noTemplates) ReadTemplate(string) ([]byte, error) {
	return nil, errors.New("a message cannot include another file")
}

// defaultDateFormat is the standard filter's format.
const defaultDateFormat = "%a, %b %d, %y"

// dateLayouts are the layouts that the filter date parses, in addition to timestamps.
var dateLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05",
	"2006-01-02 15:04",
	"2006-01-02",
}

// dateFilter is the standard filter date, except that it never reads the wall clock ("now" and "today"): `now` is a
// variable. A value that is no date is returned unchanged, as in Shopify's Liquid.
func dateFilter(value any, format func(string) string) (any, error) {
	layout := format(defaultDateFormat)
	switch v := value.(type) {
	case time.Time:
		return tuesday.Strftime(layout, v)
	case *time.Time:
		if v != nil {
			return tuesday.Strftime(layout, *v)
		}
	case int:
		return tuesday.Strftime(layout, time.Unix(int64(v), 0).UTC())
	case int64:
		return tuesday.Strftime(layout, time.Unix(v, 0).UTC())
	case float64:
		return tuesday.Strftime(layout, time.Unix(int64(v), 0).UTC())
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "now", "today":
			return nil, errors.New("write {{ now | date: … }} without quotes: now is a variable")
		}
		for _, known := range dateLayouts {
			if at, err := time.Parse(known, strings.TrimSpace(v)); err == nil {
				return tuesday.Strftime(layout, at)
			}
		}
	}
	return value, nil
}

// liquidFilters are the filters of NewEngine. A test compares them with the engine.
var liquidFilters = strings.Fields(`
abs append at_least at_most capitalize ceil compact concat date default divided_by downcase escape escape_once first floor
handle handleize inspect join json last lstrip map minus modulo newline_to_br pluralize plus prepend remove remove_first
remove_last replace replace_first replace_last reverse round rstrip size slice sort sort_natural split strip strip_html
strip_newlines sum times truncate truncatewords type uniq upcase url_decode url_encode where`)
