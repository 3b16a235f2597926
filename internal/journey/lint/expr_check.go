package lint

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// exprUse is a compiled expression, kept until the journey's steps and variables are known.
type exprUse struct {
	node *source.Node
	expr *expr.Compiled
}

// exprCheck reads the expressions of a file.
type exprCheck struct {
	*fileCheck
	uses []exprUse
}

// unreadable replaces an expression with an error, so that it still counts as a condition. It never reaches a
// definition.
const unreadable expr.Expr = "false"

// expr reads a value that may be an expression.
func (f *exprCheck) expr(n *source.Node, w expr.Want) expr.Expr {
	switch {
	case n == nil:
		return ""
	case n.Tagged:
		f.Report(n.Pos, "bad-expression", "", "YAML reads a leading ! as a tag: quote the expression")
		return unreadable
	case n.Shape != source.Scalar && n.Style&yaml.FlowStyle != 0:
		f.Report(n.Pos, "bad-expression", "", "YAML reads this as %s: quote the expression", n.What())
		return unreadable
	case n.Shape != source.Scalar:
		f.WrongType(n, "an expression is a text")
		return unreadable
	case strings.TrimSpace(n.Text) == "" || n.IsNull() && !n.Quoted:
		f.Report(n.Pos, "bad-expression", "", "the expression is empty; if it begins with #, quote the expression")
		return unreadable
	}
	out := expr.Expr(n.Text)
	if !n.Quoted && (n.Tag == "int" || n.Tag == "float") {
		v, ok := source.ParseNumber(n)
		if !ok {
			f.Report(n.Pos, "bad-expression", "", "the number is not finite")
			return unreadable
		}
		out = expr.Expr(strconv.FormatFloat(v, 'g', -1, 64))
	} else if !n.Quoted && n.Tag == "bool" {
		out = expr.Expr(strings.ToLower(n.Text))
	}
	entry := expr.Compile(out)
	for _, issue := range entry.Issues {
		if f.cutAtHash(n, issue) {
			issue.Message += "; YAML reads what follows # as a comment: quote the expression"
		}
		f.Report(n.At(issue.Offset), "bad-expression", issue.Hint, "%s", issue.Message)
	}
	if entry.Evaluator == nil {
		return unreadable
	}
	compiled := entry.Evaluator.Compiled
	if !compiled.Fits(w) {
		lead := len([]rune(n.Text)) - len([]rune(strings.TrimLeft(n.Text, " \t\n")))
		f.Report(n.At(lead), "bad-expression", "", "%s, got %s", expr.Wants[w].Words, expr.TypeWords(compiled.Kind))
		return unreadable
	}
	if w == expr.Moment {
		f.checkMoments(n, compiled)
	}
	f.uses = append(f.uses, exprUse{n, compiled})
	for _, u := range compiled.Refs.Uses {
		if u[0].Name == "customer" && len(u) > 1 {
			f.trait(n, n.At(u[1].Offset), u[1].Name)
		}
	}
	return out
}

// checkMoments reports literal texts that can never be a moment, so that a step would not wait for any customer.
func (f *exprCheck) checkMoments(n *source.Node, compiled *expr.Compiled) {
	for _, text := range compiled.Texts {
		_, moment := localtime.Moment(text.Value, time.UTC)
		switch {
		case moment:
		case syntax.ClockTime.MatchString(text.Value):
			f.Report(n.At(text.Offset), "bad-value", `"`+text.Value+`"`, "a time of day has no quotes inside the quotes")
		default:
			f.Report(n.At(text.Offset), "bad-value", "",
				"%q can never be a moment: write a date such as 2026-05-04, or 2026-05-04T09:00:00Z", text.Value)
		}
	}
}

// checkUses checks the names in expressions, once the whole journey is read.
func (j *journeyCheck) checkUses() {
	j.templateNames(j.templates, []*journeyCheck{j}, nil, true)
	results := map[string]*stepTree{}
	var ids, names []string
	for _, step := range j.all {
		if key := expr.Key(step.id); results[key] == nil { // of two steps with the same id, the later is at fault
			results[key] = step
		}
		if step.named {
			ids = append(ids, expr.Key(step.id))
		}
	}
	for name := range j.varNames {
		names = append(names, name)
	}
	for _, use := range j.uses {
		for _, u := range use.expr.Refs.Uses {
			switch root := u[0]; {
			case root.Name == "intent":
				j.intentUse(use.node, u)
			case len(u) < 2:
			case root.Name == "steps":
				j.checkStepUse(use.node, u, results, ids)
			case root.Name == "vars" && !j.varNames[u[1].Name]:
				j.Report(
					use.node.At(u[1].Offset),
					"bad-expression",
					human.Suggest(u[1].Name, names),
					"no vars.%s: it is neither in vars nor set by a step",
					u[1].Name,
				)
			}
		}
	}
}

func (j *journeyCheck) checkStepUse(n *source.Node, u expr.Use, steps map[string]*stepTree, ids []string) {
	step := steps[expr.Key(u[1].Name)]
	if step == nil {
		j.Report(n.At(u[1].Offset), "unknown-step", human.Suggest(u[1].Name, ids), "the journey has no step %q", u[1].Name)
		return
	}
	if len(u) < 3 || step.kind == "" {
		return
	}
	results := j.kinds.results(step.kind)
	if slices.Contains(results, u[2].Name) {
		return
	}
	if len(results) == 0 {
		j.Report(n.At(u[2].Offset), "bad-expression", "", "%s leaves no result", step.kind)
		return
	}
	j.Report(
		n.At(u[2].Offset),
		"bad-expression",
		human.Suggest(u[2].Name, results),
		"%s has no result %q, only %s",
		step.kind,
		u[2].Name,
		strings.Join(results, ", "),
	)
}

// cutAtHash reports whether a syntax error is caused by YAML, which took the rest of the line for a comment.
func (f *fileCheck) cutAtHash(n *source.Node, issue expr.Issue) bool {
	if runes := []rune(n.Text); !issue.Syntax || issue.Offset < len(runes) && !strings.ContainsRune(`"'`, runes[issue.Offset]) {
		return false
	}
	if n.Quoted || n.Pos.Line < 1 || n.Pos.Line > len(f.Src.Lines) {
		return false
	}
	line, text := f.Src.Lines[n.Pos.Line-1], []rune(n.Text)
	start := n.Pos.Col - 1
	if start < 0 || start+len(text) > len(line) || string(line[start:start+len(text)]) != n.Text {
		return false
	}
	rest := string(line[start+len(text):])
	return strings.HasPrefix(strings.TrimLeft(rest, " \t"), "#")
}
