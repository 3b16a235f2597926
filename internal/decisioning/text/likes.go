package text

// likes compares a text with every example, where they are few.
type likes struct {
	class   []int32 // of each example; −1: out of scope
	size    []float32
	where   [][]post // by feature
	classes int
}

// post is the weight of a feature in an example.
type post struct {
	example int32
	value   float32
}

// nearness is how near a text comes to examples, 0 to 1.
type nearness struct {
	like []float64 // by class: the cosine with its nearest example
	hold []float64 // by class: the share of an example that the text holds
}

func newLikes(labels []int32, classes int, x *matrix, rows []int32) *likes {
	l := &likes{where: make([][]post, x.width), classes: classes}
	for n, r := range rows {
		l.class = append(l.class, labels[r])
		xs, vs := x.row(int(r))
		for k, f := range xs {
			l.where[f] = append(l.where[f], post{int32(n), vs[k]})
		}
	}
	l.measure()
	return l
}

// measure sums up the squares of each example.
func (l *likes) measure() {
	l.size = make([]float32, len(l.class))
	for _, posts := range l.where {
		for _, p := range posts {
			l.size[p.example] += p.value * p.value
		}
	}
}

// of compares a text with all examples.
func (l *likes) of(xs []int32, vs []float32) *nearness {
	product, held := make([]float32, len(l.class)), make([]float32, len(l.class))
	for k, f := range xs {
		for _, p := range l.where[f] {
			product[p.example] += vs[k] * p.value
			held[p.example] += p.value * p.value
		}
	}
	n := &nearness{like: make([]float64, l.classes), hold: make([]float64, l.classes)}
	for e, c := range l.class {
		if c < 0 || l.size[e] == 0 {
			continue
		}
		n.like[c], n.hold[c] = max(n.like[c], float64(product[e])/kinds), max(n.hold[c], float64(held[e]/l.size[e]))
	}
	return n
}

// add raises the margins of the intents that a text is like an example of, and says how like; nil where
// examples are not kept.
func (l *likes) add(xs []int32, vs []float32, margins []float64) *nearness {
	if l == nil {
		return nil
	}
	n := l.of(xs, vs)
	for c := range margins {
		margins[c] += n.like[c] + n.hold[c]
	}
	return n
}
