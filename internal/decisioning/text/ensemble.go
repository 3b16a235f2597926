package text

import "math"

// trainFunc trains weights by class, as svm does.
type trainFunc func(m *matrix, rows []int32, label []int32, classes int, o svmOptions) [][]float32

// Weights in the ensemble, relative to the classifier on all n-grams.
const (
	wordsPart  = 0.5 // the classifier on words alone
	centrePart = 0.3 // the centroid of each class, normalized
)

// trainEnsemble trains one classifier on all n-grams and one on words alone, and adds the centroid of each class. All
// three are linear, so their sum is one classifier; it errs less often than any of them.
func (v *vocabulary) trainEnsemble(m *matrix, rows []int32, label []int32, classes int, o svmOptions) [][]float32 {
	out := svm(m, rows, label, classes, o)
	spoken := &matrix{start: make([]int32, 1, m.rows()+1), width: m.width}
	for i := range m.rows() {
		xs, vs := m.row(i)
		for k, f := range xs {
			if v.keys[f]&1 == words {
				spoken.index, spoken.value = append(spoken.index, f), append(spoken.value, vs[k])
			}
		}
		spoken.start = append(spoken.start, int32(len(spoken.index)))
	}
	byWords := svm(spoken, rows, label, classes, o)
	middle := make([]float64, m.width)
	members := make([][]int32, classes)
	for _, r := range rows {
		if l := label[r]; l >= 0 {
			members[l] = append(members[l], r)
		}
	}
	for c := range classes {
		clear(middle)
		for _, r := range members[c] {
			xs, vs := m.row(int(r))
			for k, f := range xs {
				middle[f] += float64(vs[k])
			}
		}
		square := 0.0
		for _, x := range middle {
			square += x * x
		}
		far := centrePart
		if square > 0 {
			far /= math.Sqrt(square)
		}
		for f := range out[c] {
			sum := out[c][f] + wordsPart*byWords[c][f]
			if f < m.width {
				sum += float32(far * middle[f])
			}
			out[c][f] = sum / (1 + wordsPart)
		}
	}
	return out
}
