package template

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of one rendering. All are needed: the length of a loop can come from the customer's data, and a loop need not
// print anything.
const (
	MaxOutput = 256 << 10     // bytes
	maxTurns  = 100_000       // iterations of all loops
	maxHeld   = 4 * MaxOutput // bytes of text in a template's own variables, or made by one filter
	maxWork   = 50_000_000    // bytes and items that filters read
	maxNotes  = 20
	maxNested = 20 // blocks in blocks
)

// Reasons for stopping a template.
var (
	errTooLong = fmt.Errorf("comes out longer than %d KiB", MaxOutput>>10)
	errLoops   = fmt.Errorf("its loops run more than %d times", maxTurns)
	errHeld    = fmt.Errorf("its variables hold more than %d KiB", maxHeld>>10)
	errWork    = errors.New("its filters read too much")
	errTime    = errors.New("takes too long")
	errDepth   = fmt.Errorf("its blocks nest deeper than %d", maxNested)
)

// Env is what a template is rendered with. Vars are never changed.
type Env struct {
	Vars     map[string]any
	Zone     *time.Location // the customer's; nil: UTC
	Language string         // the customer's; empty: English
	HTML     bool           // escape what is inserted

	Layout *Template                   // rendered around the template, which it inserts as {{ content }}; nil: none
	Blocks func(name string) *Template // the blocks that {% render %} names; nil: there are none
}

// Note says that a value was odd and what was done about it. It holds no customer data.
type Note struct {
	File   string // "the layout", or "the block footer"; empty: the template itself
	Line   int    // of the template, from 1; 0: unknown
	Filter string // or tag
	Cause  string
}

// String returns the note as a sentence for a log.
func (n Note) String() string {
	where := ""
	if n.File != "" {
		where = n.File + ", "
	}
	if n.Line == 0 {
		return where + n.Filter + ": " + n.Cause
	}
	return fmt.Sprintf("%sline %d, %s: %s", where, n.Line, n.Filter, n.Cause)
}

// StopError says which limit stopped a template.
type StopError struct {
	File  string // "the layout", or "the block footer"; empty: the template itself
	Line  int
	Cause error
}

// Error implements error.
func (e *StopError) Error() string { return e.Cause.Error() }

// flow is how a piece of a template ended.
type flow int

const (
	onward flow = iota
	breaks
	continues
	stopped
)

// run is one rendering.
type run struct {
	Env
	ctx      context.Context
	source   string
	out      *strings.Builder
	locals   map[string]any
	counters map[string]int
	cycles   map[string]int
	resumes  map[string]int
	held     map[string]int
	heldSum  int
	turns    int
	work     int
	at       int // offset of the mark being rendered
	notes    []Note
	err      *StopError
	loop     *loop
	file     string // of the layout or block being rendered
	content  any    // of a layout
	depth    int    // of blocks in blocks

	specimens bool // every variable is a specimen: see CheckJSON
}

// Render renders a template. The error is a *StopError: a limit was exceeded. No value of a customer is an error: one
// that a filter cannot use is left out or stays as it is, and a note says so.
func (t *Template) Render(ctx context.Context, env Env) (text string, notes []Note, err error) {
	r := &run{Env: env, ctx: ctx, source: t.source, out: &strings.Builder{}}
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	if ctx.Err() != nil {
		r.stop(errTime)
	} else {
		r.all(t.body)
	}
	if env.Layout != nil && r.err == nil {
		r.frame(env.Layout)
	}
	if r.err != nil {
		return "", r.notes, r.err
	}
	return r.out.String(), r.notes, nil
}

// line returns the line of an offset, from 1.
func (r *run) line(at int) int { return 1 + strings.Count(r.source[:min(at, len(r.source))], "\n") }

// stop ends the rendering; the first reason counts.
func (r *run) stop(why error) flow {
	if r.err == nil {
		r.err = &StopError{File: r.file, Line: r.line(r.at), Cause: why}
	}
	return stopped
}

// note records an odd value.
func (r *run) note(at int, filter, format string, args ...any) {
	n := Note{r.file, r.line(at), filter, fmt.Sprintf(format, args...)}
	if len(r.notes) < maxNotes && !slices.Contains(r.notes, n) {
		r.notes = append(r.notes, n)
	}
}

// charge counts the work of a filter, and reports whether it may go on.
func (r *run) charge(n int) bool {
	if r.work += n; r.work > maxWork {
		r.stop(errWork)
	}
	return r.err == nil
}

// write adds to the output.
func (r *run) write(s string) flow {
	if r.err != nil {
		return stopped
	}
	if r.out.Len()+len(s) > MaxOutput {
		return r.stop(errTooLong)
	}
	r.out.WriteString(s)
	return onward
}

// set gives a variable of the template a value.
func (r *run) set(name string, v any) flow {
	if r.locals == nil {
		r.locals = map[string]any{}
	}
	if r.held == nil {
		r.held = map[string]int{}
	}
	size := sizeOf(v)
	r.heldSum += size - r.held[name]
	r.held[name] = size
	if r.heldSum > maxHeld {
		return r.stop(errHeld)
	}
	r.locals[name] = v
	return onward
}

// sizeOf returns the bytes that a value of the template's own holds.
func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case Markup:
		return len(v)
	case []any:
		n := 16 * len(v)
		for _, item := range v {
			if s, ok := item.(string); ok {
				n += len(s)
			}
		}
		return n / 4 // texts in lists are shared with the text they were cut from
	}
	return 0
}
