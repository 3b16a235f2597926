package expr_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
)

func FuzzExpr(f *testing.F) {
	for _, seed := range []string{"event.total > 1", "a.b[", "[1].map(x, x + 1)", "{'a': 1}.a", "count('x', '30d')", "'\\u00e9' + b",
		"has(a.b.c)", "customer.?a[?0].orValue(1)", "((((((", "\"日本\" == x"} {
		f.Add(seed)
	}
	p := journeytest.Program()
	f.Fuzz(func(t *testing.T, source string) {
		entry := expr.Compile(expr.Expr(source))
		compiled, issues := entry.Evaluator, entry.Issues
		if (compiled == nil) == (len(issues) == 0) {
			t.Fatalf("neither result nor issue, or both: %v", issues)
		}
		for _, issue := range issues {
			if issue.Offset < 0 || issue.Offset > len([]rune(source)) {
				t.Fatalf("issue outside of the source: %+v", issue)
			}
		}
		if compiled == nil {
			return
		}
		first, err := p.Eval(expr.Expr(source), journeytest.Vars())
		second, again := p.Eval(expr.Expr(source), journeytest.Vars())
		if (err == nil) != (again == nil) {
			t.Fatalf("%v, then %v", err, again)
		}
		_, _ = first, second
	})
}
