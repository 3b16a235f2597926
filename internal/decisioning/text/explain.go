package text

import (
	"cmp"
	"math"
	"slices"
)

// Reason is an n-gram of a text, and what it adds to the margin of an intent.
type Reason struct {
	Gram   string  `json:"gram"` // after normalization; _ is a space
	Kind   string  `json:"kind"` // word, characters, or first and last word
	Weight float64 `json:"weight"`
}

// Explanation says why a text is classified as it is.
type Explanation struct {
	Label     Label
	Best      string  // the likeliest intent, even if Label has none
	Threshold float64 // texts with less confidence are about none of the intents
	Exact     bool    // the text itself is an example
	Unknown   float64 // share of the text that is in no example, 0 to 1
	Scores    []Score // the likeliest first
	For       []Reason
	Against   []Reason // the strongest first, both
}

// maxReasons is the largest number of n-grams for and against.
const maxReasons = 10

// Explain classifies a text and returns the n-grams that spoke for and against the likeliest intent.
func (m *Model) Explain(text string) Explanation {
	r := m.read(text)
	e := Explanation{
		Label:     m.label(&r),
		Threshold: m.threshold,
		Exact:     r.known != novel,
		Unknown:   r.signals[signalUnknown],
		Scores:    m.Scores(text),
	}
	if r.empty {
		return e
	}
	e.Best = m.intents[r.best]
	clean := normalize(text)
	s := m.words.pool.Get().(*scratch)
	defer m.words.pool.Put(s)
	m.words.vector(clean, s)
	value := map[int32]float64{}
	for n, i := range s.index {
		value[i] = float64(s.value[n])
	}
	var all []Reason
	eachNgram(clean, m.words.pairs, func(g ngram) {
		i := m.words.find(g.hash)
		v, first := value[i]
		if i < 0 || !first {
			return
		}
		delete(value, i)
		w := v * float64(m.scale[i]) * float64(m.weights[int(i)*len(m.intents)+r.best])
		kind := [kinds]string{words: "word", chars: "characters"}[g.kind]
		if g.apart {
			kind = "first and last word"
		}
		all = append(all, Reason{Gram: shown(clean[g.from:g.to]), Kind: kind, Weight: w})
	})
	slices.SortStableFunc(all, func(a, b Reason) int { return cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)) })
	for _, one := range all {
		to := &e.For
		if one.Weight < 0 {
			to = &e.Against
		}
		if len(*to) < maxReasons && one.Weight != 0 {
			*to = append(*to, one)
		}
	}
	return e
}

func shown(gram []rune) string {
	out := slices.Clone(gram)
	for i, r := range out {
		if r == ' ' {
			out[i] = '_'
		}
	}
	return string(out)
}
