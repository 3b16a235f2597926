package text

// Kinds of n-grams. Each kind is a block of features with a norm of its own.
const (
	words = iota // one or two words
	chars        // characters
	kinds
)

// Lengths of character n-grams: minChars to maxChars; in scripts without spaces 1 to maxDense.
const (
	minChars = 3
	maxChars = 5
	maxDense = 4
)

// ngram is one n-gram of a text.
type ngram struct {
	hash     uint32
	kind     uint8
	from, to int32 // in the normalized text
	apart    bool  // two words that are near each other but not adjacent
}

const (
	basis = 0x9e3779b97f4a7c15
	prime = 0xff51afd7ed558ccd
)

func mix(h uint64, r rune) uint64 {
	h = (h ^ uint64(r)) * prime
	return h ^ h>>29
}

// fold returns the hash of an n-gram; its lowest bit is the kind.
func fold(h uint64, kind uint8) uint32 {
	h = (h ^ h>>32) * 0xc4ceb9fe1a85ec53
	return uint32(h>>32)&^1 | uint32(kind)
}

// pairDistance is the largest distance of two words that make a pair, in words.
const pairDistance = 8

// eachNgram calls f with every n-gram of a normalized text, repeated ones included; with pairs also with every two
// words near each other, in either order.
func eachNgram(text []rune, pairs bool, f func(g ngram)) {
	n := len(text)
	for i := 0; i < n; i++ {
		h := uint64(basis)
		top := maxChars
		if isUnspaced(text[i]) {
			top = maxDense
		}
		allDense := true
		for j := i; j < n && j < i+top; j++ {
			r := text[j]
			h = mix(h, r)
			allDense = allDense && isUnspaced(r)
			if size := j - i + 1; size >= minChars || allDense {
				f(ngram{hash: fold(h, chars), kind: chars, from: int32(i), to: int32(j + 1)})
			}
		}
	}
	eachWord(text, pairs, f)
}

// eachWord calls f with the words, the adjacent pairs, and with pairs those near each other.
func eachWord(text []rune, pairs bool, f func(g ngram)) {
	var near [pairDistance]struct {
		hash uint64
		from int32
	}
	said := 0
	var before, h uint64 // hashes of the previous word and of the current one so far
	start, beforeStart := -1, -1
	end := func(i int) {
		f(ngram{hash: fold(h, words), kind: words, from: int32(start), to: int32(i)})
		if beforeStart >= 0 {
			two := mix(before, ' ')
			for _, r := range text[start:i] {
				two = mix(two, r)
			}
			f(ngram{hash: fold(two, words), kind: words, from: int32(beforeStart), to: int32(i)})
		}
		if pairs {
			for k := max(0, said-pairDistance); k < said; k++ {
				other := near[k%pairDistance]
				f(ngram{hash: fold(pair(other.hash, h), words), kind: words, apart: true, from: other.from, to: int32(i)})
			}
			near[said%pairDistance].hash, near[said%pairDistance].from = h, int32(start)
			said++
		}
		before, beforeStart, start = h, start, -1
	}
	for i, r := range text {
		if !isWordRune(r) && !(start >= 0 && r == '\'' && i+1 < len(text) && isWordRune(text[i+1])) {
			if start >= 0 {
				end(i)
			}
			continue
		}
		if start < 0 {
			start, h = i, basis
		}
		h = mix(h, r)
	}
	if start >= 0 {
		end(len(text))
	}
}

// pair returns the hash of two words in either order.
func pair(a, b uint64) uint64 {
	return (min(a, b)*prime ^ max(a, b)) * basis
}
