// Package credential says which secrets are too weak to be used: short ones, ones without variety, and those that stand in
// documents and samples.
package credential

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// Least is the shortest secret, in bytes.
	Least = 16
	// leastVariety is how many different bytes a secret has at least. Of 16 random hexadecimal digits, fewer than one in a thousand
	// have less.
	leastVariety = 6
	// longestRun is how many bytes may follow each other as in 0123 or abcd.
	longestRun = 7
)

// samples are parts of values that stand for a secret in documents, samples and forms.
var samples = []string{
	"changeme", "change-me", "change_me", "change this", "replaceme", "replace-me", "replace_me", "example", "placeholder", "password",
	"yoursecret", "your-", "your_", "insert-", "dummy", "qwerty", "letmein", "do-not-use", "xxxxxxxx",
}

// Weak returns what is wrong with a secret, without the secret; nil for a good one.
func Weak(secret string) error {
	const hint = ": take a random one (openssl rand -hex 32)"
	if len(secret) < Least {
		return fmt.Errorf("has %d bytes, at least %d are needed%s", len(secret), Least, hint)
	}
	lower := strings.ToLower(secret)
	for _, sample := range samples {
		if strings.Contains(lower, sample) {
			return errors.New("is a sample value" + hint)
		}
	}
	seen := map[byte]bool{}
	run, longest := 1, 1
	for i := range len(lower) {
		seen[lower[i]] = true
		if i > 0 && (lower[i] == lower[i-1]+1 || lower[i] == lower[i-1]-1) {
			run++
		} else {
			run = 1
		}
		longest = max(longest, run)
	}
	if len(seen) < leastVariety || repeats(lower) {
		return errors.New("repeats a few characters" + hint)
	}
	if longest > longestRun {
		return errors.New("contains a row of characters such as 01234567" + hint)
	}
	return nil
}

// repeats reports whether a text is one of at most half its length, again and again, the last time perhaps cut off.
func repeats(text string) bool {
	for n := 1; n <= len(text)/2; n++ {
		if text[n:] == text[:len(text)-n] {
			return true
		}
	}
	return false
}

// Named is a secret with the setting that it is from.
type Named struct {
	Setting string // TABI_WRITE_KEYS
	Value   string
	Lenient bool // it may be weak, because it is public or somebody else's choice; it must still not be used for anything else
}

// Check returns everything that is wrong with some secrets: weak ones, and values that are used twice. Settings in one group share
// their values on purpose.
func Check(list []Named, groups ...[]string) (problems []error) {
	first := map[string]Named{}
	for _, one := range list {
		if err := Weak(one.Value); err != nil && !one.Lenient {
			problems = append(problems, fmt.Errorf("%s: a value %w", one.Setting, err))
		}
		other, taken := first[one.Value]
		switch {
		case !taken:
			first[one.Value] = one
		case together(groups, other.Setting, one.Setting):
		case other.Setting == one.Setting:
			problems = append(problems, fmt.Errorf("%s has the same value twice", one.Setting))
		default:
			problems = append(problems, fmt.Errorf("%s and %s have the same value: whoever knows one knows the other; take different ones",
				other.Setting, one.Setting))
		}
	}
	return problems
}

func together(groups [][]string, a, b string) bool {
	for _, group := range groups {
		var hasA, hasB bool
		for _, s := range group {
			hasA, hasB = hasA || s == a, hasB || s == b
		}
		if hasA && hasB && a != b {
			return true
		}
	}
	return false
}
