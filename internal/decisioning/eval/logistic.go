package eval

import (
	"math"
	"slices"
)

// logistic is a batch logistic regression, the usual yardstick: numbers standardized, names one-hot, L2, fitted by
// Newton's method.
type logistic struct {
	columns []*Column
	mean    []float64 // of numeric columns
	scale   []float64
	offset  []int // of a column's first weight
	names   []map[string]int
	weights []float64 // the last is the intercept
}

// fit learns from these rows. lambda is the penalty on half of each squared weight; the intercept has none.
func fit(columns []*Column, yes []bool, rows []int, lambda float64) *logistic {
	l := &logistic{columns: columns}
	size := 0
	for _, c := range columns {
		l.offset = append(l.offset, size)
		mean, scale, names := 0.0, 1.0, map[string]int(nil)
		if c.Numeric() {
			mean, scale = moments(c.Numbers, rows)
			size++
		} else {
			names = map[string]int{}
			for _, r := range rows {
				if _, ok := names[c.Texts[r]]; !ok {
					names[c.Texts[r]] = len(names)
				}
			}
			size += len(names)
		}
		l.mean, l.scale, l.names = append(l.mean, mean), append(l.scale, scale), append(l.names, names)
	}
	l.weights = make([]float64, size+1)
	at, x := make([]int, 0, len(columns)+1), make([]float64, 0, len(columns)+1)
	for range 25 {
		h := make([][]float64, size+1)
		for i := range h {
			h[i] = make([]float64, size+1)
		}
		g := make([]float64, size+1)
		for i := range size {
			g[i] = -lambda * l.weights[i]
			h[i][i] = lambda
		}
		for _, r := range rows {
			at, x = l.row(r, at[:0], x[:0])
			z := 0.0
			for k := range at {
				z += l.weights[at[k]] * x[k]
			}
			p := 1 / (1 + math.Exp(-z))
			d := -p
			if yes[r] {
				d = 1 - p
			}
			s := max(p*(1-p), 1e-9)
			for k := range at {
				g[at[k]] += d * x[k]
				row, f := h[at[k]], s*x[k]
				for j := range k + 1 {
					row[at[j]] += f * x[j]
				}
			}
		}
		step := solve(h, g)
		moved := 0.0
		for i := range step {
			l.weights[i] += step[i]
			moved = max(moved, math.Abs(step[i]))
		}
		if moved < 1e-6 {
			break
		}
	}
	return l
}

func moments(v []float64, rows []int) (mean, scale float64) {
	n, sum, squares := 0.0, 0.0, 0.0
	for _, r := range rows {
		if !math.IsNaN(v[r]) {
			n, sum, squares = n+1, sum+v[r], squares+v[r]*v[r]
		}
	}
	if n == 0 {
		return 0, 1
	}
	mean = sum / n
	if scale = math.Sqrt(squares/n - mean*mean); !(scale > 1e-12) {
		scale = 1
	}
	return mean, scale
}

// row returns the nonzero features of a row: ascending indices and their values.
func (l *logistic) row(r int, at []int, x []float64) ([]int, []float64) {
	for i, c := range l.columns {
		if !c.Numeric() {
			if k, ok := l.names[i][c.Texts[r]]; ok {
				at, x = append(at, l.offset[i]+k), append(x, 1)
			}
			continue
		}
		if v := c.Numbers[r]; !math.IsNaN(v) {
			at, x = append(at, l.offset[i]), append(x, (v-l.mean[i])/l.scale[i])
		}
	}
	return append(at, len(l.weights)-1), append(x, 1)
}

func (l *logistic) predict(r int) float64 {
	at, x := l.row(r, nil, nil)
	z := 0.0
	for k := range at {
		z += l.weights[at[k]] * x[k]
	}
	return 1 / (1 + math.Exp(-z))
}

// solve is Cholesky decomposition: h is symmetric and positive with its lower half given; both arguments are
// overwritten.
func solve(h [][]float64, g []float64) []float64 {
	n := len(g)
	for i := range n {
		for j := range i + 1 {
			s := h[i][j]
			for k := range j {
				s -= h[i][k] * h[j][k]
			}
			if i == j {
				h[i][i] = math.Sqrt(max(s, 1e-12))
			} else {
				h[i][j] = s / h[j][j]
			}
		}
	}
	x := slices.Clone(g)
	for i := range n {
		for k := range i {
			x[i] -= h[i][k] * x[k]
		}
		x[i] /= h[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			x[i] -= h[k][i] * x[k]
		}
		x[i] /= h[i][i]
	}
	return x
}
