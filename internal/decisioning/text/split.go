package text

import (
	"cmp"
	"math"
	"slices"
)

// Split holds out a share of the examples of each intent, chosen at random by seed. It returns the rest and the
// held-out examples. An intent with one example keeps it. The order of examples does not matter.
func Split(examples []Example, share float64, seed uint64) (rest, held []Example) {
	all := slices.Clone(examples)
	slices.SortStableFunc(all, func(a, b Example) int { return cmp.Or(cmp.Compare(a.Intent, b.Intent), cmp.Compare(a.Text, b.Text)) })
	random := rng(seed)
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Intent == all[0].Intent {
			n++
		}
		own := all[:n]
		all = all[n:]
		random.shuffle(n, func(a, b int) { own[a], own[b] = own[b], own[a] })
		out := min(int(math.Round(share*float64(n))), n-1)
		held, rest = append(held, own[:out]...), append(rest, own[out:]...)
	}
	return rest, held
}
