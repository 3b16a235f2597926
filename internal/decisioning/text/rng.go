package text

// rng is a small random number generator (splitmix64). Training uses it instead of math/rand, so that a model is the
// same with every version of Go.
type rng uint64

func (d *rng) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n − 1.
func (d *rng) below(n int) int { return int(d.next() % uint64(n)) }

// shuffle puts the first n elements of something into random order.
func (d *rng) shuffle(n int, swap func(a, b int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, d.below(i+1))
	}
}
