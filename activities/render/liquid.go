package render

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/osteele/liquid"
	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/render"
	"github.com/osteele/liquid/values"

	"github.com/tabi-journeys/tabi/internal/journey/template"
)

const (
	maxSteps  = 100_000       // iterations of all loops of a template
	maxValues = 4 * MaxField  // bytes of text in a template's own variables
	tickTag   = "tabi_tick"   // the first node in the body of every loop
	budgetVar = "tabi budget" // no template can write this name
)

// engine is a Liquid engine, with the node that counts loop iterations.
type engine struct {
	*liquid.Engine
	tick render.Node
}

// engines are built once: one for plain text, one for HTML.
var engines = [2]func() engine{
	sync.OnceValue(func() engine { return newEngine(false) }),
	sync.OnceValue(func() engine { return newEngine(true) }),
}

func newEngine(html bool) engine {
	e := engine{Engine: template.NewEngine(html)}
	e.RegisterTag(tickTag, func(c render.Context) (string, error) {
		if b, ok := c.Get(budgetVar).(*budget); ok {
			return "", b.turn(c.Bindings())
		}
		return "", nil
	})
	if t, err := e.ParseString("{% " + tickTag + " %}"); err == nil {
		e.tick = t.GetRoot()
	}
	e.UnregisterTag(tickTag)
	return e
}

// Reasons for stopping a template.
var (
	errTooLong = fmt.Errorf("comes out longer than %d KiB", MaxField>>10)
	errLoops   = fmt.Errorf("its loops run more than %d times", maxSteps)
	errValues  = fmt.Errorf("its variables hold more than %d KiB", maxValues>>10)
	errTime    = errors.New("takes too long")
)

// budget limits one rendering: its output, loop iterations, size of variables, and time. All four are needed: the length
// of a loop can come from the customer's data, and a loop need not print anything.
type budget struct {
	ctx   context.Context
	out   strings.Builder
	turns int
	why   error // the first limit that was exceeded
}

// stop records the first reason.
func (b *budget) stop(why error) error {
	if b.why == nil {
		b.why = why
	}
	return b.why
}

// Write implements io.Writer.
func (b *budget) Write(p []byte) (int, error) {
	switch {
	case b.why != nil:
		return 0, b.why
	case b.ctx.Err() != nil:
		return 0, b.stop(errTime)
	case b.out.Len()+len(p) > MaxField:
		return 0, b.stop(errTooLong)
	}
	return b.out.Write(p)
}

// turn counts one iteration of a loop.
func (b *budget) turn(bindings map[string]any) error {
	b.turns++
	switch {
	case b.why != nil:
		return b.why
	case b.turns > maxSteps:
		return b.stop(errLoops)
	case b.ctx.Err() != nil:
		return b.stop(errTime)
	}
	held := 0
	for _, v := range bindings {
		if s, ok := v.(string); ok {
			held += len(s)
		}
	}
	if held > maxValues {
		return b.stop(errValues)
	}
	return nil
}

// run renders one template. The error's Field is empty.
func run(ctx context.Context, source string, html bool, vars map[string]any) (text string, failed *Error) {
	e := engines[0]()
	if html {
		e = engines[1]()
	}
	b := &budget{ctx: ctx}
	defer func() {
		// The library panics where a table's row cannot be written, and filters do on odd values.
		if p := recover(); p != nil {
			text, failed = "", &Error{Cause: "a filter or tag failed on this customer's values"}
			if b.why != nil {
				failed.Cause = b.why.Error()
			}
		}
	}()
	template, err := e.ParseTemplateLocation([]byte(source), "", 1)
	if err != nil {
		return "", &Error{Line: err.LineNumber(), Cause: "cannot be read: " + firstLine(err.Cause(), err)}
	}
	instrument(template.GetRoot(), e.tick)
	vars[budgetVar] = b
	if err := template.FRender(b, vars); err != nil {
		return "", &Error{Line: err.LineNumber(), Cause: cause(b, err)}
	}
	return b.out.String(), nil
}

// instrument inserts tick at the start of the body of every loop.
func instrument(n, tick render.Node) {
	switch n := n.(type) {
	case *render.SeqNode:
		for _, c := range n.Children {
			instrument(c, tick)
		}
	case *render.BlockNode:
		for _, c := range n.Body {
			instrument(c, tick)
		}
		for _, c := range n.Clauses {
			instrument(c, tick)
		}
		if tick != nil && (n.Name == "for" || n.Name == "tablerow") {
			n.Body = append([]render.Node{tick}, n.Body...)
		}
	}
}

// cause returns a rendering error in words. The library's own words may hold customer data, so only names from the
// template are used.
func cause(b *budget, err liquid.SourceError) string {
	var (
		filter    expressions.FilterError
		undefined expressions.UndefinedFilter
		kind      values.TypeError
	)
	switch {
	case b.why != nil:
		return b.why.Error()
	case errors.As(err.Cause(), &filter):
		return fmt.Sprintf("the filter %q failed on this customer's values", filter.FilterName)
	case errors.As(err.Cause(), &undefined):
		return fmt.Sprintf("there is no filter %q", string(undefined))
	case errors.As(err.Cause(), &kind):
		return "a filter or comparison got a value of a kind it does not take"
	default:
		return "a filter or tag failed on this customer's values"
	}
}

// firstLine returns the first line of the first error that has a message.
func firstLine(errs ...error) string {
	for _, err := range errs {
		if err != nil {
			line, _, _ := strings.Cut(err.Error(), "\n")
			return line
		}
	}
	return "unknown error"
}

// sortedKeys returns the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
