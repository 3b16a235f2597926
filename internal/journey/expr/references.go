package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// segment is a name in a chain such as customer.address.city, with the offset of its first character.
type segment struct {
	Name   string
	Offset int
}

// Use is one use of a variable: the root, then the names that follow it.
type Use []segment

// refs lists what an expression reads.
type refs struct {
	Uses    []Use
	History bool // count or last
	// Back is how far back count looks at most, by durations that are written in the expression. Ever: it also looks back without end,
	// by last, by count without a duration, or as far as a value says.
	Back time.Duration
	Ever bool
	Zone bool // the customer's time zone: a timestamp is compared with what may be a date
}

// Reads reports whether a variable is read.
func (r refs) Reads(root string) bool {
	return slices.ContainsFunc(r.Uses, func(u Use) bool { return u[0].Name == root })
}

// Properties returns the first names after a root, or "*" for the whole value.
func (r refs) Properties(root string) []string {
	var names []string
	for _, u := range r.Uses {
		switch {
		case u[0].Name != root:
		case len(u) == 1:
			names = append(names, "*")
		default:
			names = append(names, u[1].Name)
		}
	}
	return names
}

// Key returns a step id as expressions write it.
func Key(id string) string { return strings.ReplaceAll(id, "-", "_") }

// collector walks a parsed expression.
type collector struct {
	runes   []rune
	info    *ast.SourceInfo
	shadows []string // names that macros bind
	out     refs
}

// collectRefs returns every variable that an expression reads.
func collectRefs(tree *ast.AST, runes []rune) refs {
	c := &collector{runes: runes, info: tree.SourceInfo()}
	c.visit(tree.Expr())
	slices.SortStableFunc(c.out.Uses, func(a, b Use) int { return a[0].Offset - b[0].Offset })
	return c.out
}

// offset returns a node's position in the source.
func (c *collector) offset(id int64) int {
	if at, ok := c.info.GetOffsetRange(id); ok {
		return min(max(int(at.Start), 0), len(c.runes))
	}
	return 0
}

// behind returns the offset of a selected name, from the offset of its dot.
func (c *collector) behind(offset int, name string) int {
	for i := offset; i < len(c.runes); i++ {
		if r := c.runes[i]; r != '.' && r != '?' && !unicode.IsSpace(r) {
			return i
		}
	}
	return offset
}

// chain resolves selections and indexes with literal names down to a variable.
func (c *collector) chain(e ast.Expr) (Use, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		if name := e.AsIdent(); !slices.Contains(c.shadows, name) && slices.Contains(Variables, name) {
			return Use{{name, c.offset(e.ID())}}, true
		}
	case ast.SelectKind:
		if up, ok := c.chain(e.AsSelect().Operand()); ok {
			name := e.AsSelect().FieldName()
			return append(up, segment{name, c.selected(e, up, name)}), true
		}
	case ast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			args := call.Args()
			if len(args) != 2 || args[1].Kind() != ast.LiteralKind {
				return nil, false
			}
			name, ok := args[1].AsLiteral().(types.String)
			up, chained := c.chain(args[0])
			if !ok || !chained {
				return nil, false
			}
			at := c.offset(args[1].ID())
			if call.FunctionName() == operators.OptSelect {
				at = c.behind(at, string(name))
			}
			return append(up, segment{string(name), at}), true
		}
	}
	return nil, false
}

// selected returns the offset of a selected name in the source. Inside has(), CEL locates the selection elsewhere.
func (c *collector) selected(e ast.Expr, up Use, name string) int {
	at := c.behind(c.offset(e.ID()), name)
	if strings.HasPrefix(string(c.runes[at:]), name) && at > up[len(up)-1].Offset {
		return at
	}
	from := up[len(up)-1].Offset + len([]rune(up[len(up)-1].Name))
	for i := from; i < len(c.runes); i++ {
		if strings.HasPrefix(string(c.runes[i:]), name) {
			return i
		}
	}
	return at
}

func (c *collector) visit(e ast.Expr) {
	if found, ok := c.chain(e); ok {
		c.out.Uses = append(c.out.Uses, found)
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		c.visit(e.AsSelect().Operand())
	case ast.CallKind:
		call := e.AsCall()
		if !call.IsMemberFunction() && (call.FunctionName() == "count" || call.FunctionName() == "last") {
			c.out.History = true
			c.lookBack(call)
		}
		if call.IsMemberFunction() {
			c.visit(call.Target())
		}
		for _, arg := range call.Args() {
			c.visit(arg)
		}
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			c.visit(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			c.visit(entry.AsMapEntry().Key())
			c.visit(entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			c.visit(field.AsStructField().Value())
		}
	case ast.ComprehensionKind:
		macro := e.AsComprehension()
		c.visit(macro.IterRange())
		c.visit(macro.AccuInit())
		depth := len(c.shadows)
		c.shadows = append(c.shadows, macro.IterVar(), macro.IterVar2(), macro.AccuVar())
		c.visit(macro.LoopCondition())
		c.visit(macro.LoopStep())
		c.visit(macro.Result())
		c.shadows = c.shadows[:depth]
	}
}

// lookBack notes how far back a call of count or last looks.
func (c *collector) lookBack(call ast.CallExpr) {
	if args := call.Args(); call.FunctionName() == "count" && len(args) == 2 && args[1].Kind() == ast.LiteralKind {
		if text, ok := args[1].AsLiteral().(types.String); ok {
			if d, err := clock.ParseDuration(string(text)); err == nil && d > 0 {
				c.out.Back = max(c.out.Back, d)
				return
			}
		}
	}
	c.out.Ever = true
}

// checkLiterals reports durations, timestamps and patterns that are literally invalid.
func checkLiterals(tree *ast.AST, runes []rune) []Issue {
	c := &collector{runes: runes, info: tree.SourceInfo()}
	var issues []Issue
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		args := call.Args()
		which := 0
		switch {
		case call.FunctionName() == "count" && len(args) == 2:
			which = 1
		case call.FunctionName() == "matches" && len(args) > 0:
			which = len(args) - 1
		case call.IsMemberFunction() && accessors[call.FunctionName()] != nil && len(args) == 1:
		case call.FunctionName() != "duration" && call.FunctionName() != "timestamp" || len(args) != 1:
			return
		}
		if args[which].Kind() != ast.LiteralKind {
			return
		}
		text, ok := args[which].AsLiteral().(types.String)
		if !ok {
			return
		}
		if accessors[call.FunctionName()] != nil {
			if _, known := localtime.Zone(string(text)); !known {
				issues = append(issues, Issue{Offset: c.offset(args[which].ID()), Hint: localtime.Suggest(string(text)),
					Message: fmt.Sprintf("%q is not a time zone: write an IANA name such as Asia/Tokyo, or +09:00", string(text))})
			}
			return
		}
		var err error
		message := ""
		switch call.FunctionName() {
		case "matches":
			_, err = regexp.Compile(string(text))
			message = "not a regular expression (RE2)"
		case "timestamp":
			_, err = time.Parse(time.RFC3339Nano, string(text))
			message = "not a timestamp: write it as 2026-03-02T10:00:00Z"
		case "duration":
			_, err = clock.ParseDuration(strings.TrimPrefix(string(text), "-"))
		default:
			_, err = clock.ParseDuration(string(text))
		}
		if err != nil {
			if message == "" {
				message = err.Error()
			}
			issues = append(issues, Issue{Offset: c.offset(args[which].ID()), Message: message})
		}
	}))
	return issues
}
