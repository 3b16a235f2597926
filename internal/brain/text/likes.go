package text

// likes compares a text with every example, where they are few.
type likes struct {
	class   []int32 // of each example; −1: background
	where   [][]post
	classes int
}

// post is the weight of a feature in an example.
type post struct {
	example int32
	value   float32
}

func newLikes(c *corpus, x *matrix, rows []int32) *likes {
	l := &likes{where: make([][]post, x.width), classes: len(c.intents)}
	for n, r := range rows {
		l.class = append(l.class, c.labels[r])
		xs, vs := x.row(int(r))
		for k, f := range xs {
			l.where[f] = append(l.where[f], post{int32(n), vs[k]})
		}
	}
	return l
}

// of gives, by class, the cosine of a text with the nearest example, and with the nearest of the background.
func (l *likes) of(xs []int32, vs []float32, norm float64) (like []float64, other float64) {
	sums := make([]float32, len(l.class))
	for k, f := range xs {
		for _, p := range l.where[f] {
			sums[p.example] += vs[k] * p.value
		}
	}
	like = make([]float64, l.classes)
	for n, sum := range sums {
		cos := float64(sum) / norm
		if c := l.class[n]; c < 0 {
			other = max(other, cos)
		} else {
			like[c] = max(like[c], cos)
		}
	}
	return like, other
}

// add raises the margins of the intents that a text is like an example of, and gives the likenesses; nil where examples are not kept.
func (l *likes) add(s *sheet, margins []float64) []float64 {
	if l == nil {
		return nil
	}
	like, _ := l.of(s.index, s.value, kinds)
	for c, v := range like {
		margins[c] += v
	}
	return like
}
