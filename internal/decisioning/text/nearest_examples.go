package text

// nearestExamples compares a text with every example. It is used where examples are few.
type nearestExamples struct {
	class    []int32 // of each example; −1: out of scope
	size     []float32
	postings [][]posting // by feature: the examples that have it
	classes  int
}

// posting is the value of a feature in an example.
type posting struct {
	example int32
	value   float32
}

// similarity is how near a text comes to the examples of each class, 0 to 1.
type similarity struct {
	cosine   []float64 // by class: cosine with the nearest example
	coverage []float64 // by class: largest share of an example that the text covers
}

func newNearestExamples(labels []int32, classes int, x *matrix, rows []int32) *nearestExamples {
	l := &nearestExamples{postings: make([][]posting, x.width), classes: classes}
	for n, r := range rows {
		l.class = append(l.class, labels[r])
		xs, vs := x.row(int(r))
		for k, f := range xs {
			l.postings[f] = append(l.postings[f], posting{int32(n), vs[k]})
		}
	}
	l.sumSquares()
	return l
}

// sumSquares computes the squared norm of each example.
func (l *nearestExamples) sumSquares() {
	l.size = make([]float32, len(l.class))
	for _, posts := range l.postings {
		for _, p := range posts {
			l.size[p.example] += p.value * p.value
		}
	}
}

// compare returns the similarity of a text to all examples.
func (l *nearestExamples) compare(xs []int32, vs []float32) *similarity {
	product, held := make([]float32, len(l.class)), make([]float32, len(l.class))
	for k, f := range xs {
		for _, p := range l.postings[f] {
			product[p.example] += vs[k] * p.value
			held[p.example] += p.value * p.value
		}
	}
	n := &similarity{cosine: make([]float64, l.classes), coverage: make([]float64, l.classes)}
	for e, c := range l.class {
		if c < 0 || l.size[e] == 0 {
			continue
		}
		n.cosine[c], n.coverage[c] = max(n.cosine[c], float64(product[e])/kinds), max(n.coverage[c], float64(held[e]/l.size[e]))
	}
	return n
}

// addSimilarity raises the margin of each intent by the similarity of the text to its nearest example, and returns
// the similarities; nil where examples are not kept.
func (l *nearestExamples) addSimilarity(xs []int32, vs []float32, margins []float64) *similarity {
	if l == nil {
		return nil
	}
	n := l.compare(xs, vs)
	for c := range margins {
		margins[c] += n.cosine[c] + n.coverage[c]
	}
	return n
}
