package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// Issue is a problem of an expression. Its offset counts characters from 0.
type Issue struct {
	Offset  int
	Message string
	Hint    string
	Syntax  bool // it could not be parsed
}

// Compiled is an expression that parsed and type-checked. It is immutable.
type Compiled struct {
	source Expr
	ast    *cel.Ast
	Refs   refs
	Kind   *cel.Type
	Texts  []LiteralText // literals that may be its value
}

// compileExpr parses, rewrites and type-checks. It returns either the result or at least one issue.
func compileExpr(source Expr) (out *Compiled, issues []Issue) {
	defer func() {
		if r := recover(); r != nil {
			out, issues = nil, []Issue{{Message: "this is not a valid expression"}}
		}
	}()
	env, err := exprEnv()
	if err != nil {
		return nil, []Issue{{Message: err.Error()}}
	}
	runes := []rune(string(source))
	if len(runes) > maxExprSize {
		return nil, []Issue{{Message: fmt.Sprintf("the expression is longer than %d characters", maxExprSize)}}
	}
	parsed, failed := env.Parse(string(source))
	if failed != nil && failed.Err() != nil {
		return nil, syntaxIssues(runes, failed)
	}
	if ast.ExceedsDepth(parsed.NativeRep(), 2*maxExprDepth) {
		return nil, []Issue{{Message: "the expression is nested too deeply"}}
	}
	reads := collectRefs(parsed.NativeRep(), runes)
	literals := checkLiterals(parsed.NativeRep(), runes)
	rewrite(parsed)
	checked, failed := env.Check(parsed)
	if failed != nil && failed.Err() != nil {
		return nil, typeIssues(runes, parsed.NativeRep(), failed, literals)
	}
	issues = append(literals, comparisonIssues(runes, checked.NativeRep())...)
	if len(issues) > 0 {
		return nil, sortIssues(issues)
	}
	reads.Zone = zoned(checked.NativeRep())
	return &Compiled{
		source: source, ast: checked, Refs: reads, Kind: checked.OutputType(),
		Texts: resultTexts(checked.NativeRep(), checked.NativeRep().Expr(), runes),
	}, nil
}

func sortIssues(issues []Issue) []Issue {
	slices.SortStableFunc(issues, func(a, b Issue) int { return a.Offset - b.Offset })
	return issues
}

// offsetOf converts a CEL location (line from 1, column from 0) to an offset.
func offsetOf(runes []rune, line, column int) int {
	offset := 0
	for line > 1 && offset < len(runes) {
		if runes[offset] == '\n' {
			line--
		}
		offset++
	}
	return min(offset+max(column, 0), len(runes))
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noOverload = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
	syntaxLead = regexp.MustCompile(`(?s)^Syntax error: `)
)

// syntaxIssues keeps only the parser's first error, because the others are consequences of it.
func syntaxIssues(runes []rune, failed *cel.Issues) []Issue {
	first := Issue{Offset: len(runes) + 1, Message: "this is not an expression", Syntax: true}
	for _, problem := range failed.Errors() {
		if offset := offsetOf(runes, problem.Location.Line(), problem.Location.Column()); offset < first.Offset {
			first.Offset, first.Message = offset, problem.Message
		}
	}
	first.Offset = min(first.Offset, len(runes))
	first.Message = syntaxWords(runes, first.Offset, syntaxLead.ReplaceAllString(first.Message, ""))
	return []Issue{first}
}

func syntaxWords(runes []rune, offset int, message string) string {
	switch {
	case strings.Contains(message, "recursion"), strings.Contains(message, "nesting"):
		return "the expression is nested too deeply"
	case strings.Contains(message, "input '<EOF>'"), offset >= len(runes):
		return "the expression ends too early"
	case offset < len(runes) && runes[offset] == '=' && !(offset+1 < len(runes) && runes[offset+1] == '='):
		return `"=" does not compare: write ==`
	case strings.HasPrefix(message, "token recognition error"):
		return fmt.Sprintf("%q is not allowed here", string(runes[offset]))
	case strings.HasPrefix(message, "mismatched input"),
		strings.HasPrefix(message, "extraneous input"),
		strings.HasPrefix(message, "no viable alternative"):
		token := word(runes, offset)
		switch token {
		case "and":
			return `"and" is written &&`
		case "or":
			return `"or" is written ||`
		case "not":
			return `"not" is written !`
		}
		return fmt.Sprintf("%q is not allowed here", token)
	}
	return message
}

// word returns the token at an offset, for messages.
func word(runes []rune, offset int) string {
	end := offset
	for end < len(runes) && (unicode.IsLetter(runes[end]) || unicode.IsDigit(runes[end]) || runes[end] == '_') {
		end++
	}
	if end == offset {
		end = min(offset+1, len(runes))
	}
	return string(runes[offset:end])
}

// typeIssues converts the type checker's errors to issues, each at the token at fault.
func typeIssues(runes []rune, tree *ast.AST, failed *cel.Issues, issues []Issue) []Issue {
	for _, problem := range failed.Errors() {
		issue := Issue{Offset: offsetOf(runes, problem.Location.Line(), problem.Location.Column()), Message: problem.Message}
		if at, ok := tree.SourceInfo().GetOffsetRange(problem.ExprID); ok && problem.ExprID != 0 {
			issue.Offset = min(int(at.Start), len(runes))
		}
		if m := undeclared.FindStringSubmatch(problem.Message); m != nil {
			issue = undeclaredIssue(runes, issue.Offset, m[1])
		} else if m := noOverload.FindStringSubmatch(problem.Message); m != nil {
			issue.Offset = callOffset(runes, issue.Offset)
			issue.Message = overloadWords(m[1], m[2])
		}
		issues = append(issues, issue)
	}
	return sortIssues(dashIssues(string(runes), issues))
}

// callOffset returns the offset of a call's name. CEL locates a call at its parenthesis.
func callOffset(runes []rune, offset int) int {
	if offset >= len(runes) || runes[offset] != '(' {
		return offset
	}
	start := offset
	for start > 0 && unicode.IsSpace(runes[start-1]) {
		start--
	}
	end := start
	for start > 0 && (unicode.IsLetter(runes[start-1]) || unicode.IsDigit(runes[start-1]) || runes[start-1] == '_') {
		start--
	}
	if start == end {
		return offset
	}
	return start
}

func undeclaredIssue(runes []rune, offset int, name string) Issue {
	name = strings.TrimPrefix(name, ".")
	if offset < len(runes) && runes[offset] == '(' {
		offset = callOffset(runes, offset)
		return Issue{
			Offset:  offset,
			Message: fmt.Sprintf("there is no function %s()", strings.TrimPrefix(name, "@")),
			Hint:    human.Suggest(name, exprFunctions),
		}
	}
	if slices.Contains(exprFunctions, name) {
		return Issue{Offset: offset, Message: fmt.Sprintf("%s is a function: call it with ()", name)}
	}
	issue := Issue{Offset: offset, Message: fmt.Sprintf("there is no variable %s", name), Hint: human.Suggest(name, Variables)}
	if issue.Hint == "" && strings.TrimSpace(string(runes)) == name {
		issue.Message += "; a text needs quotes inside the quotes"
		issue.Hint = `"'` + name + `'"`
	} else if issue.Hint == "" {
		issue.Message += "; a text needs quotes"
		if len(name) > 2 {
			issue.Hint = "'" + name + "'"
		}
	}
	return issue
}

// operatorNames maps functions to operators as designers write them.
var operatorNames = map[string]string{"@eq": "==", "@ne": "!=", "@lt": "<", "@le": "<=", "@gt": ">", "@ge": ">=", "@div": "/", "@mod": "%",
	"@duration": "duration", "@timestamp": "timestamp", "@count": "count", "@last": "last", "@ordered": "a macro"}

func overloadWords(function, arguments string) string {
	name := operatorNames[function]
	switch name {
	case "count":
		return `count takes the name of an event, and how far back if you like: count("Order Completed", "30d")`
	case "last":
		return `last takes the name of an event: last("Order Completed")`
	case "":
		if text, ok := operators.FindReverse(function); ok && text != "" {
			name = text
		} else {
			name = strings.Trim(function, "_@")
		}
	}
	arguments = strings.TrimSuffix(strings.ReplaceAll(strings.Trim(arguments, "()"), "dyn, ", ""), ", zone")
	for from, to := range map[string]string{"double": "number", "string": "text", "google.protobuf.Timestamp": "timestamp",
		"google.protobuf.Duration": "duration"} {
		arguments = strings.ReplaceAll(arguments, from, to)
	}
	return fmt.Sprintf("%s cannot be applied to (%s)", name, arguments)
}

// comparisonIssues reports == and != between types that can never be equal, and a timestamp that is compared with a literal
// text that is no moment.
func comparisonIssues(runes []rune, tree *ast.AST) []Issue {
	var issues []Issue
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || !slices.Contains(comparisons, e.AsCall().FunctionName()) {
			return
		}
		args, equality := e.AsCall().Args(), e.AsCall().FunctionName() == "@eq" || e.AsCall().FunctionName() == "@ne"
		a, b := tree.GetType(args[0].ID()), tree.GetType(args[1].ID())
		for i, other := range []*cel.Type{b, a} {
			if args[i].Kind() != ast.LiteralKind || other.Kind() != types.TimestampKind {
				continue
			}
			text, ok := args[i].AsLiteral().(types.String)
			if _, moment := localtime.Moment(string(text), time.UTC); ok && !moment {
				issues = append(issues, Issue{Offset: offsetIn(tree, args[i], runes),
					Message: "this text can never be a moment: write 2026-05-04, or 2026-05-04T09:00:00Z"})
			}
		}
		if equality && !comparable(a, b) {
			issues = append(issues, Issue{
				Offset:  offsetIn(tree, e, runes),
				Message: fmt.Sprintf("compares %s with %s, which are never equal", TypeWords(a), TypeWords(b)),
			})
		}
	}))
	return issues
}

func comparable(a, b *cel.Type) bool {
	loose := func(t *cel.Type) bool {
		return t.Kind() == types.DynKind || t.Kind() == types.AnyKind || t.Kind() == types.NullTypeKind ||
			t.Kind() == types.TypeParamKind ||
			t.Kind() == types.TypeKind
	}
	if loose(a) || loose(b) {
		return true
	}
	moment := func(x, y *cel.Type) bool { return x.Kind() == types.TimestampKind && y.Kind() == types.StringKind }
	return a.Kind() == b.Kind() || moment(a, b) || moment(b, a)
}

// TypeWords returns a CEL type in plain words.
func TypeWords(t *cel.Type) string {
	switch t.Kind() {
	case types.DoubleKind, types.IntKind, types.UintKind:
		return "a number"
	case types.StringKind:
		return "a text"
	case types.BoolKind:
		return "true or false"
	case types.TimestampKind:
		return "a timestamp"
	case types.DurationKind:
		return "a duration"
	case types.ListKind:
		return "a list"
	case types.MapKind:
		return "a map"
	case types.NullTypeKind:
		return "null"
	}
	if strings.HasPrefix(t.TypeName(), "optional") {
		return "a value that may be missing (end it with .orValue(…))"
	}
	return "a " + t.TypeName()
}
