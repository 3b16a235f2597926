// Package human formats text for people that more than one package needs: suggestions, lists, durations,
// printable names.
package human

import (
	"slices"
	"strings"
)

// Suggest returns the known word nearest to a misspelled one, or "" if none is near.
func Suggest(word string, known []string) string {
	best, bestDistance := "", 1+max(1, len([]rune(word))/3)
	sorted := slices.Clone(known)
	slices.Sort(sorted)
	for _, candidate := range sorted {
		if candidate == word {
			continue
		}
		if min(len([]rune(word)), len([]rune(candidate))) < 3 && !strings.EqualFold(word, candidate) {
			continue // any two names this short are near each other
		}
		d := distance(strings.ToLower(word), strings.ToLower(candidate), bestDistance)
		if d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance returns the number of edits (insert, delete, replace, swap of neighbors), or limit if there are at least as
// many.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 100 || len(y) > 100 || len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return min(rows[len(x)][len(y)], limit)
}
