package expr

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/tabi-journeys/tabi/internal/number"
)

// renamed maps CEL's functions to those of this package, which know only one kind of number, compare strings with
// timestamps, and accept days and weeks in durations.
var renamed = map[string]string{
	operators.Equals: "@eq", operators.NotEquals: "@ne", operators.Less: "@lt", operators.LessEquals: "@le",
	operators.Greater: "@gt", operators.GreaterEquals: "@ge", operators.Divide: "@div", operators.Modulo: "@mod",
	"duration": "@duration", "string": "@string", "timestamp": "@timestamp", "count": "@count", "last": "@last",
}

// integral lists CEL's functions that return an int or uint. Their results are converted to doubles.
var integral = []string{"size", "int", "uint"}

// conditional is CEL's name of `a ? b : c`.
const conditional = operators.Conditional

// arithmetic lists the operators that compute with doubles only.
var arithmetic = []string{operators.Add, operators.Subtract, operators.Multiply, operators.Negate}

// rewriter changes a parsed expression so that all numbers are doubles.
type rewriter struct {
	factory ast.ExprFactory
	info    *ast.SourceInfo
	next    int64
}

// rewrite changes the parsed expression in place, before it is type-checked.
//
// Designers write JSON's values, and JSON has one kind of number, no timestamps and unordered maps. CEL is stricter: its
// ints and doubles do not mix, so `customer.orders + 1` would be an error for every customer, because traits are doubles
// and 1 is an int. CEL's overloads cannot be redefined, so the syntax tree is changed to use doubles and to call functions
// of this package. Their names start with @, which no expression can write:
//
//	customer.orders > 3             @gt(customer.orders, 3.0, @zone)
//	size(vars.list)                 @number(size(vars.list))
//	event.order == 820982911946154508   @eq(event.order, @number("820982911946154508"), @zone)   a double has 15 digits
//	customer.orders + 1             @float(customer.orders) + 1.0   arithmetic is done with doubles
//	string(1234567)                 @string(1234567.0)         and not 1.234567e+06
//	entry.at < now                  @lt(entry.at, now, @zone)  an RFC 3339 string or a date compares as a timestamp
//	now.getHours("Asia/Tokyo")      @getHours(now, "…")        zones of the embedded database, never the machine's
//	duration("2d")                  @duration("2d")            days and weeks
//	vars.tags.exists(t, t == "a")   the range becomes @ordered(vars.tags): keys in order, on every replay
//	steps["ask-size"].text          steps["ask_size"].text     ids under the key that expressions use
//	count("Order Completed", …)     @count(@history, "Order Completed", …)
//
// Literal indexes stay as they are, because list[0.0] is no index for CEL; computed ones are wrapped in dyn().
//
// A wrapped node keeps its id, and new nodes copy the position of the node they stand for. Without that, the type
// checker's errors would point at no place in the file. The functions must stay deterministic: renaming one, or changing
// its result, changes what recorded workflows decide on replay.
func rewrite(parsed *cel.Ast) {
	tree := parsed.NativeRep()
	r := &rewriter{factory: ast.NewExprFactory(), info: tree.SourceInfo(), next: ast.MaxID(tree) + 1}
	r.visit(tree.Expr())
}

// id returns a new node id with the position of another node.
func (r *rewriter) id(like int64) int64 {
	r.next++
	if at, ok := r.info.GetOffsetRange(like); ok {
		r.info.SetOffsetRange(r.next, at)
	}
	return r.next
}

// wrap replaces e by a call of function with e as its argument.
func (r *rewriter) wrap(e ast.Expr, function string) {
	inner := r.factory.NewUnspecifiedExpr(r.id(e.ID()))
	inner.SetKindCase(e)
	e.SetKindCase(r.factory.NewCall(e.ID(), function, inner))
}

func (r *rewriter) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.LiteralKind:
		switch v := e.AsLiteral().(type) {
		case types.Int, types.Uint:
			r.literal(e, native(v))
		}
	case ast.CallKind:
		r.call(e)
	case ast.SelectKind:
		r.visit(e.AsSelect().Operand())
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			r.visit(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			if key := entry.AsMapEntry().Key(); key.Kind() != ast.LiteralKind {
				r.visit(key)
			}
			r.visit(entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			r.visit(field.AsStructField().Value())
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		for _, part := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			r.visit(part)
		}
		if c.IterRange().Kind() != ast.ListKind {
			r.wrap(c.IterRange(), "@ordered")
		}
	}
}

// literal replaces a whole number by a double, or by its digits where a double would change them.
func (r *rewriter) literal(e ast.Expr, value any) {
	if f, ok := value.(float64); ok {
		e.SetKindCase(r.factory.NewLiteral(e.ID(), types.Double(f)))
		return
	}
	text, _ := number.Text(value)
	e.SetKindCase(r.factory.NewCall(e.ID(), "@number", r.factory.NewLiteral(r.id(e.ID()), types.String(text))))
}

func (r *rewriter) call(e ast.Expr) {
	c := e.AsCall()
	name, args := c.FunctionName(), c.Args()
	if c.IsMemberFunction() {
		r.visit(c.Target())
	}
	indexed := name == operators.Index || name == operators.OptIndex
	for i, arg := range args {
		if !indexed || i == 0 || arg.Kind() != ast.LiteralKind {
			r.visit(arg)
		}
	}
	switch {
	case indexed && len(args) == 2 && args[1].Kind() != ast.LiteralKind:
		r.wrap(args[1], "dyn")
	case indexed && len(args) == 2 && args[0].Kind() == ast.IdentKind && (args[0].AsIdent() == "steps" || args[0].AsIdent() == "intent"):
		if id, ok := args[1].AsLiteral().(types.String); ok {
			args[1].SetKindCase(r.factory.NewLiteral(args[1].ID(), types.String(Key(string(id)))))
		}
	case slices.Contains(integral, name):
		r.wrap(e, "@number")
	case slices.Contains(arithmetic, name):
		for _, arg := range args {
			if arg.Kind() != ast.LiteralKind {
				r.wrap(arg, "@float")
			}
		}
	case c.IsMemberFunction() && accessors[name] != nil:
		e.SetKindCase(r.factory.NewCall(e.ID(), "@"+name, append([]ast.Expr{c.Target()}, args...)...))
	case c.IsMemberFunction():
	case name == "count" || name == "last":
		history := r.factory.NewIdent(r.id(e.ID()), historyVariable)
		e.SetKindCase(r.factory.NewCall(e.ID(), renamed[name], append([]ast.Expr{history}, args...)...))
	case slices.Contains(comparisons, renamed[name]):
		zone := r.factory.NewIdent(r.id(e.ID()), zoneVariable)
		e.SetKindCase(r.factory.NewCall(e.ID(), renamed[name], append(slices.Clone(args), zone)...))
	case renamed[name] != "":
		e.SetKindCase(r.factory.NewCall(e.ID(), renamed[name], args...))
	}
}
