package eval

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/stats"
)

func TestAUROC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scores []float64
		yes    []bool
		want   float64
	}{
		{[]float64{0.1, 0.4, 0.35, 0.8}, []bool{false, false, true, true}, 0.75},
		{[]float64{1, 1, 1}, []bool{true, false, false}, 0.5},
		{[]float64{1, 2}, []bool{true, true}, 0.5},
		{[]float64{3, 2, 1}, []bool{true, false, false}, 1},
	} {
		if got := stats.AUROC(c.scores, c.yes); got != c.want {
			t.Errorf("%v of %v is %v, want %v", c.scores, c.yes, got, c.want)
		}
	}
}

func TestReliability(t *testing.T) {
	t.Parallel()
	bars, ece := stats.Reliability([]float64{0.2, 0.2, 0.2, 0.2, 0.6, 0.6}, []bool{true, false, false, false, true, true}, 2)
	if len(bars) != 2 || math.Abs(ece-(0.5*math.Abs(0.2-1.0/3)+0.5*math.Abs(1.4/3-2.0/3))) > 1e-12 {
		t.Errorf("%+v %v", bars, ece)
	}
}

// sessions is a made-up table: who looks at many pages buys, a name says something, a column nothing, some
// values are missing.
func sessions(rows int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("pages,source,noise,bought\n")
	for range rows {
		pages, source := 10*r.Float64(), []string{"ad", "mail", "shop"}[r.IntN(3)]
		z := -3 + 0.4*pages
		if source == "mail" {
			z++
		}
		number := fmt.Sprintf("%.2f", pages)
		if r.Float64() < 0.1 {
			number = ""
		}
		fmt.Fprintf(&b, "%s,%s,%.3f,%v\n", number, source, r.Float64(), r.Float64() < 1/(1+math.Exp(-z)))
	}
	return b.String()
}

func table(t *testing.T, text string) *Table {
	t.Helper()
	out, err := ReadTable(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	e, err := Evaluate(table(t, sessions(3000)), "bought", []string{"noise"}, propensity.Start{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if e.Adaptive.AUROC < e.Refitted.AUROC-0.02 || e.Adaptive.AUROC < e.Folded.AUROC-0.02 || e.Folded.AUROC < 0.7 ||
		e.Adaptive.CalibrationError > 0.03 ||
		len(e.Predictors) != 2 {
		t.Errorf("%+v, refitted %+v, folded %+v", e, e.Refitted, e.Folded)
	}
}

func TestReadTable(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("\ufeffa,b,yes\n1,x,No\n,y,TRUE\n3,,2.5\n"))
	_ = z.Close()
	got, err := ReadTable(&zipped)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := got.Columns[0], got.Columns[1]; !a.Numeric() || a.Name != "a" || !math.IsNaN(a.Numbers[1]) || b.Numeric() || got.Rows != 3 {
		t.Errorf("%+v", got)
	}
	yes, err := got.Outcomes("yes")
	if err != nil || yes[0] || !yes[1] || !yes[2] {
		t.Errorf("%v, %v", yes, err)
	}
	for text, want := range map[string]string{"": "first line", "a,b\n": "no rows", "a,b\n1\n": "line 2", "\x1f\x8bno": "gzip"} {
		if _, err := ReadTable(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to say %q", text, err, want)
		}
	}
	if _, err := got.Outcomes("b"); err == nil || !strings.Contains(err.Error(), `row 1: "x"`) {
		t.Errorf("%v", err)
	}
	if _, err := got.Column("c"); err == nil || !strings.Contains(err.Error(), "there are a, b, yes") {
		t.Errorf("%v", err)
	}
}

// trial is made up: mail moves the young, a call the old, and for some nothing is worth its cost.
func trial(rows int) string {
	r := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	b.WriteString("age,noise,arm,visit\n")
	for range rows {
		age, arm := 20+60*r.Float64(), []string{"nothing", "mail", "call"}[r.IntN(3)]
		p := 0.1
		if arm == "mail" && age < 40 || arm == "call" && age > 60 {
			p = 0.4
		}
		visit := 0
		if r.Float64() < p {
			visit = 1
		}
		fmt.Fprintf(&b, "%.1f,%d,%s,%d\n", age, r.IntN(9), arm, visit)
	}
	return b.String()
}

func TestTrial(t *testing.T) {
	t.Parallel()
	base := Trial{
		Table:   table(t, trial(9000)),
		Action:  "arm",
		Outcome: "visit",
		None:    "nothing",
		Value:   1,
		Cost:    0.1,
		Folds:   3,
		Rounds:  100,
		Seed:    1,
	}
	r, err := base.Run()
	if err != nil {
		t.Fatal(err)
	}
	rate, net := r.Policies[3], r.Policies[4]
	// At best 0.4 for two thirds and 0.1 for the rest: 0.3; after cost 0.3 for two thirds and 0.1 for the rest:
	// 0.233. All get mail: 0.2 and 0.1.
	if rate.Rate.Mean < 0.27 || rate.RateGain.Low < 0.05 || net.Net.Mean < 0.2 || net.NetGain.Low < 0.05 || net.Share["nothing"] < 0.25 ||
		net.Share["nothing"] > 0.45 {
		t.Errorf("%+v\n%+v", rate, net)
	}
	if r.BestNet != "nothing" && r.Policies[0].Net.Mean > r.Policies[1].Net.Mean {
		t.Errorf("the best by net value is %q", r.BestNet)
	}
	for _, c := range []struct {
		change func(*Trial)
		want   string
	}{
		{func(t *Trial) { t.Action = "arms" }, "there is no column"},
		{func(t *Trial) { t.Action = "age" }, "different values"},
		{func(t *Trial) { t.None = "silence" }, "must be one of"},
		{func(t *Trial) { t.Without = []string{"age", "noise"} }, "no column is left"},
	} {
		bad := base
		c.change(&bad)
		if _, err := bad.Run(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want it to say %q", err, c.want)
		}
	}
}
