package text

import (
	"math"
	"runtime"
	"sync"
)

// matrix is the vectors of the training texts, one after another.
type matrix struct {
	start []int32 // start of each row in index and value, and the end
	index []int32
	value []float32
	width int // number of features; the bias comes after them
}

func (m *matrix) rows() int { return len(m.start) - 1 }

func (m *matrix) row(i int) ([]int32, []float32) {
	return m.index[m.start[i]:m.start[i+1]], m.value[m.start[i]:m.start[i+1]]
}

// svm trains one linear classifier per class against the rest: L2-regularized squared hinge loss by dual coordinate
// descent (Hsieh et al. 2008, as LIBLINEAR). It returns the weights by class; the last of each is the bias. rows are
// the rows to train on, label the class of each row, below 0 for none.
func svm(m *matrix, rows []int32, label []int32, classes int, o svmOptions) [][]float32 {
	out := make([][]float32, classes)
	next := make(chan int)
	var wait sync.WaitGroup
	for range max(1, min(runtime.GOMAXPROCS(0), classes)) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for c := range next {
				out[c] = trainOne(m, rows, label, int32(c), o)
			}
		}()
	}
	for c := range classes {
		next <- c
	}
	close(next)
	wait.Wait()
	return out
}

// svmOptions configure svm.
type svmOptions struct {
	cost     float64 // of an error (C)
	positive float64 // factor on cost for errors on texts of the class itself
	bias     float32 // value of the constant feature
	passes   int
	eps      float64
	seed     uint64
}

func trainOne(m *matrix, rows, label []int32, class int32, o svmOptions) []float32 {
	n := len(rows)
	w := make([]float32, m.width+1)
	alpha := make([]float64, n)
	quad := make([]float64, n)
	diag := [2]float64{1 / (2 * o.cost), 1 / (2 * o.cost * o.positive)}
	active := make([]int32, n)
	y := make([]float32, n)
	for i, r := range rows {
		active[i] = int32(i)
		_, vs := m.row(int(r))
		q := float64(o.bias * o.bias)
		for _, v := range vs {
			q += float64(v * v)
		}
		y[i] = -1
		if label[r] == class {
			y[i] = 1
		}
		quad[i] = q + diag[side(y[i])]
	}
	random := rng(o.seed + uint64(class)<<20)
	size := n
	most := math.Inf(1)
	for range o.passes {
		random.shuffle(size, func(a, b int) { active[a], active[b] = active[b], active[a] })
		high, low := math.Inf(-1), math.Inf(1)
		for s := 0; s < size; s++ {
			i := active[s]
			xs, vs := m.row(int(rows[i]))
			sum := w[m.width] * o.bias
			for k, f := range xs {
				sum += w[f] * vs[k]
			}
			g := float64(y[i]*sum) - 1 + alpha[i]*diag[side(y[i])]
			pg := g
			if alpha[i] == 0 {
				if g > most {
					size--
					active[s], active[size] = active[size], active[s]
					s--
					continue
				}
				pg = min(g, 0)
			}
			high, low = max(high, pg), min(low, pg)
			if math.Abs(pg) > 1e-12 {
				before := alpha[i]
				alpha[i] = max(before-g/quad[i], 0)
				d := float32(alpha[i]-before) * y[i]
				for k, f := range xs {
					w[f] += d * vs[k]
				}
				w[m.width] += d * o.bias
			}
		}
		if high-low <= o.eps {
			if size == n {
				break
			}
			size, most = n, math.Inf(1)
			continue
		}
		if most = high; most <= 0 {
			most = math.Inf(1)
		}
	}
	w[m.width] *= o.bias
	return w
}

func side(y float32) int {
	if y > 0 {
		return 1
	}
	return 0
}
