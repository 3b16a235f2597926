package diff

import "strconv"

// align pairs two sequences in order so that the sum of the pairs' scores is maximal. It returns, for each item of the
// first, its index in the second, or -1.
func align(n, m int, score func(i, j int) float64) []int {
	best := make([][]float64, n+1)
	for i := range best {
		best[i] = make([]float64, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if s := score(i, j); s > 0 {
				best[i][j] = max(best[i][j], best[i+1][j+1]+s)
			}
		}
	}
	out := make([]int, n)
	for i := range out {
		out[i] = -1
	}
	for i, j := 0, 0; i < n && j < m; {
		switch s := score(i, j); {
		case s > 0 && best[i][j] == best[i+1][j+1]+s:
			out[i] = j
			i, j = i+1, j+1
		case best[i][j] == best[i+1][j]:
			i++
		default:
			j++
		}
	}
	return out
}

// pairItems pairs items in order: first those with the same key, then the remaining ones between them, one after the
// other.
func pairItems(old, new []partItem) []pairing {
	found := align(len(old), len(new), func(i, j int) float64 {
		switch {
		case old[i].key == new[j].key && old[i].key != "":
			return 100
		case old[i].key == "" && new[j].key == "", old[i].key == old[i].text && new[j].key == new[j].text:
			return 1
		}
		return 0
	})
	var out []pairing
	j := 0
	for i := range old {
		to := found[i]
		if to < 0 {
			out = append(out, pairing{i, -1})
			continue
		}
		for ; j < to; j++ {
			out = append(out, pairing{-1, j})
		}
		out = append(out, pairing{i, to})
		j = to + 1
	}
	for ; j < len(new); j++ {
		out = append(out, pairing{-1, j})
	}
	return out
}

func listChanges(name string, arms bool, old, new []partItem) []Change {
	var out []Change
	label := func(item partItem, i int) string {
		named := item.key != "" && item.key != item.text
		switch {
		case arms && named:
			return "arm " + item.key
		case arms:
			return armKey(i)
		case named:
			return item.key
		}
		return name + " " + strconv.Itoa(i+1)
	}
	for _, pair := range pairItems(old, new) {
		switch {
		case pair.old < 0:
			out = append(out, Change{label(new[pair.new], pair.new), "", new[pair.new].text})
		case pair.new < 0:
			out = append(out, Change{label(old[pair.old], pair.old), old[pair.old].text, ""})
		case old[pair.old].text != new[pair.new].text:
			out = append(out, Change{label(new[pair.new], pair.new), old[pair.old].text, new[pair.new].text})
		}
	}
	return out
}
