package eval

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// Evaluation compares the adaptive model on a table with batch logistic regressions on the same columns.
type Evaluation struct {
	Rows       int                    `json:"rows"`
	Positives  int                    `json:"positives"`
	Adaptive   Score                  `json:"adaptive"`            // each row predicted before it was learned from, in the file's order
	SecondHalf Score                  `json:"adaptive_later_half"` // of the above, the later half of the rows
	Refitted   *Score                 `json:"logistic_refitted,omitempty"`
	Folded     *Score                 `json:"logistic_folded,omitempty"`
	Bytes      int                    `json:"bytes"` // size of the final model
	Predictors []propensity.Predictor `json:"predictors"`
}

// Score is the quality of predictions.
type Score struct {
	AUROC            float64 `json:"auroc"`
	LogLoss          float64 `json:"log_loss"`
	CalibrationError float64 `json:"calibration_error"` // over 15 bars of equal count
}

func score(p []float64, yes []bool) Score {
	_, ece := stats.Reliability(p, yes, 15)
	return Score{stats.AUROC(p, yes), stats.LogLoss(p, yes), ece}
}

const (
	folds   = 5
	penalty = 1.0
	refits  = 20 // over the table
)

// Evaluate streams the table once. With batch it also fits two batch regressions (L2, penalty 1): one refitted after
// every twentieth of the rows on all rows before, which knows no more than the adaptive model did; and one in five
// folds, each row predicted by a fit on the other four folds, later rows included.
func Evaluate(t *Table, target string, without []string, start propensity.Start, batch bool) (*Evaluation, error) {
	yes, err := t.Outcomes(target)
	if err != nil {
		return nil, err
	}
	from, err := t.Predictors(append([]string{target}, without...)...)
	if err != nil {
		return nil, err
	}
	e := &Evaluation{Rows: t.Rows}
	m := propensity.New(start)
	p := make([]float64, t.Rows)
	for i := range p {
		f := features(from, i)
		p[i] = m.Estimate(f).Propensity
		m.Learn(f, yes[i])
		if yes[i] {
			e.Positives++
		}
	}
	half := t.Rows / 2
	e.Adaptive, e.SecondHalf = score(p, yes), score(p[half:], yes[half:])
	e.Predictors = m.Predictors()
	data, err := m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	e.Bytes = len(data)
	if batch {
		refitted, folded := score(refit(from, yes), yes), score(fold(from, yes), yes)
		e.Refitted, e.Folded = &refitted, &folded
	}
	return e, nil
}

func refit(from []*Column, yes []bool) []float64 {
	out := make([]float64, len(yes))
	var rows []int
	var l *logistic
	for i := range yes {
		// The first fits have few rows: a regression on a single one would be no yardstick.
		if n := len(rows); n == 100 || n > 100 && n%max(100, len(yes)/refits) == 0 {
			l = fit(from, yes, rows, penalty)
		}
		if out[i] = 0.5; l != nil {
			out[i] = l.predict(i)
		}
		rows = append(rows, i)
	}
	return out
}

func fold(from []*Column, yes []bool) []float64 {
	out := make([]float64, len(yes))
	all := Trial{Folds: folds}
	for k := range folds {
		var rows, rest []int
		for i := range yes {
			if all.fold(i) == k {
				rest = append(rest, i)
			} else {
				rows = append(rows, i)
			}
		}
		l := fit(from, yes, slices.Clip(rows), penalty)
		for _, i := range rest {
			out[i] = l.predict(i)
		}
	}
	return out
}
