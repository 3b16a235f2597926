package journey

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"github.com/tabi-journeys/tabi/internal/human"
	"gopkg.in/yaml.v3"
)

// want is what an expression must give.
type want int

const (
	wantAny want = iota
	wantBool
	wantNumber
	wantKey    // a text, number or boolean
	wantMoment // a timestamp, or a text that is one
)

// wants tells for each want the CEL kinds that fit, and how to say it.
var wants = map[want]struct {
	kinds []types.Kind
	words string
}{
	wantBool:   {[]types.Kind{types.BoolKind}, "a condition must give true or false"},
	wantNumber: {[]types.Kind{types.DoubleKind}, "a number is wanted here"},
	wantKey:    {[]types.Kind{types.StringKind, types.DoubleKind, types.BoolKind}, "a text or a number is wanted here"},
	wantMoment: {[]types.Kind{types.TimestampKind, types.StringKind}, "a timestamp or a date is wanted here"},
}

// exprUse is an expression that compiled, kept until the journey's steps and variables are known.
type exprUse struct {
	node *node
	expr *compiled
}

// exprCheck reads the expressions of a file.
type exprCheck struct {
	*fileCheck
	uses []exprUse
}

// unreadable stands for an expression with an error: it still counts as a condition. No definition comes to hold it.
const unreadable Expr = "false"

// expr reads a value that may be CEL.
func (f *exprCheck) expr(n *node, w want) Expr {
	switch {
	case n == nil:
		return ""
	case n.tagged:
		f.report(n.pos, "bad-expression", "", "YAML reads a leading ! as a tag: quote the expression")
		return unreadable
	case n.shape != scalar && n.style&yaml.FlowStyle != 0:
		f.report(n.pos, "bad-expression", "", "YAML reads this as %s of its own: quote the expression", n.what())
		return unreadable
	case n.shape != scalar:
		f.wrongType(n, "an expression is a text")
		return unreadable
	case strings.TrimSpace(n.text) == "" || n.isNull() && !n.quoted:
		f.report(n.pos, "bad-expression", "", "the expression is empty; if it begins with #, quote the expression")
		return unreadable
	}
	source := Expr(n.text)
	if !n.quoted && (n.tag == "int" || n.tag == "float") {
		v, ok := yamlNumber(n)
		if !ok {
			f.report(n.pos, "bad-expression", "", "the number is not finite")
			return unreadable
		}
		source = Expr(strconv.FormatFloat(v, 'g', -1, 64))
	} else if !n.quoted && n.tag == "bool" {
		source = Expr(strings.ToLower(n.text))
	}
	entry := cachedExpr(source)
	for _, issue := range entry.issues {
		if f.cutAtHash(n, issue) {
			issue.message += "; YAML reads what follows # as a comment: quote the expression"
		}
		f.report(n.at(issue.offset), "bad-expression", issue.hint, "%s", issue.message)
	}
	if entry.evaluator == nil {
		return unreadable
	}
	compiled := entry.evaluator.compiled
	kind := compiled.kind.Kind()
	if fit := wants[w]; w != wantAny && kind != types.DynKind && kind != types.AnyKind && kind != types.TypeParamKind &&
		!slices.Contains(fit.kinds, kind) {
		lead := len([]rune(n.text)) - len([]rune(strings.TrimLeft(n.text, " \t\n")))
		f.report(n.at(lead), "bad-expression", "", "%s, this gives %s", fit.words, typeWords(compiled.kind))
		return unreadable
	}
	f.uses = append(f.uses, exprUse{n, compiled})
	return source
}

// checkUses looks up what the expressions name, once the whole journey is read.
func (j *journeyCheck) checkUses() {
	results := map[string]*stepTree{}
	var ids, names []string
	for _, step := range j.all {
		if key := stepKey(step.id); results[key] == nil { // of two with one id the later is at fault
			results[key] = step
		}
		if step.named {
			ids = append(ids, stepKey(step.id))
		}
	}
	for name := range j.varNames {
		names = append(names, name)
	}
	for _, use := range j.uses {
		for _, u := range use.expr.refs.uses {
			switch root := u[0]; {
			case root.name == "intent":
				j.intentUse(use.node, u)
			case len(u) < 2:
			case root.name == "steps":
				j.checkStepUse(use.node, u, results, ids)
			case root.name == "vars" && !j.varNames[u[1].name]:
				j.report(
					use.node.at(u[1].offset),
					"bad-expression",
					human.Suggest(u[1].name, names),
					"no vars.%s: it is neither in vars nor set by a step",
					u[1].name,
				)
			}
		}
	}
}

func (j *journeyCheck) checkStepUse(n *node, u reading, steps map[string]*stepTree, ids []string) {
	step := steps[stepKey(u[1].name)]
	if step == nil {
		j.report(n.at(u[1].offset), "unknown-step", human.Suggest(u[1].name, ids), "the journey has no step %q", u[1].name)
		return
	}
	if len(u) < 3 || step.kind == "" {
		return
	}
	results := j.kinds.results(step.kind)
	if slices.Contains(results, u[2].name) {
		return
	}
	if len(results) == 0 {
		j.report(n.at(u[2].offset), "bad-expression", "", "%s leaves no result", step.kind)
		return
	}
	j.report(
		n.at(u[2].offset),
		"bad-expression",
		human.Suggest(u[2].name, results),
		"%s has no result %q, only %s",
		step.kind,
		u[2].name,
		strings.Join(results, ", "),
	)
}
