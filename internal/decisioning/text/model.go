package text

import (
	"cmp"
	"math"
	"slices"
	"unicode"
)

// Example is a text and its intent; an empty Intent means out of scope, none of the intents.
type Example struct{ Text, Intent string }

// Label is the classification of a text.
type Label struct {
	Intent     string  // empty: none of the intents
	Confidence float64 // probability that the likeliest intent is right, 0 to 1; set also if it is below the threshold and Intent is empty
}

// Score is an intent with its share of the confidence.
type Score struct {
	Intent     string
	Confidence float64
	Margin     float64 // of the linear classifier: 1 is clearly this intent, −1 clearly not
}

// Model is a trained classifier. It is immutable and safe for concurrent use.
type Model struct {
	intents     []string // sorted
	words       *vocabulary
	weights     []int8    // by feature, then intent
	scale       []float32 // by feature: the value of a quantized weight of 1
	bias        []float32 // by intent
	temperature float64   // softmax temperature of the margins in Scores
	calibration [signals]float64
	threshold   float64          // texts with less confidence are about none of the intents
	known       []known          // the training texts, sorted by hash
	examples    *nearestExamples // the vectors of few examples; nil with many
}

// known is a training text, by its hash.
type known struct {
	hash  uint64
	class int32 // −1: out of scope
}

// Signals of which the confidence is a logistic function.
const (
	signalBase     = iota
	signalMargin   // the highest margin
	signalGap      // its lead over the second
	signalUnknown  // share of the text's norm in unknown n-grams
	signalCosine   // cosine with the nearest example of the intent, where examples are kept
	signalCoverage // largest share of an example of the intent that the text covers
	signals
)

// knownConfidence is the confidence of a text that is an example.
const knownConfidence = 0.99

// maxConfidence bounds the confidence of any other text.
const maxConfidence = 0.98

// reading is what a model computes from a text before it decides.
type reading struct {
	margins []float64
	best    int
	signals [signals]float64
	known   int32 // class of the example with this text; −1: out of scope; novel: there is none
	empty   bool  // the text has no letters, digits or symbols
}

const novel = -2

// unit is the fixed-point scale in which margins are summed.
const unit = 1 << 22

// Classify returns the intent of a text, or an empty one if its confidence is below the threshold.
func (m *Model) Classify(text string) Label {
	r := m.read(text)
	return m.label(&r)
}

func (m *Model) label(r *reading) Label {
	p := m.confidence(r)
	switch {
	case r.empty || r.known == -1:
		return Label{}
	case p < m.threshold:
		return Label{Confidence: p}
	}
	return Label{Intent: m.intents[r.best], Confidence: p}
}

// confidence returns the probability that the best intent is right.
func (m *Model) confidence(r *reading) float64 {
	switch {
	case r.empty || r.known == -1:
		return 0
	case r.known >= 0:
		return max(knownConfidence, m.threshold)
	}
	z := 0.0
	for i, c := range r.signals {
		z += m.calibration[i] * c
	}
	return min(1/(1+math.Exp(-z)), maxConfidence)
}

// Scores returns every intent, the likeliest first. The best has the confidence of Classify; the others share at most
// the rest, by the softmax of their margins.
func (m *Model) Scores(text string) []Score {
	r := m.read(text)
	out := make([]Score, len(m.intents))
	if r.empty {
		for i, name := range m.intents {
			out[i] = Score{Intent: name}
		}
		return out
	}
	p := m.confidence(&r)
	rest := 0.0
	for i, name := range m.intents {
		out[i] = Score{Intent: name, Margin: r.margins[i], Confidence: p}
		if i != r.best {
			out[i].Confidence = math.Exp((r.margins[i] - r.margins[r.best]) / m.temperature)
			rest += out[i].Confidence
		}
	}
	for i := range out {
		if i != r.best && rest > 0 { // never more than the best, nor more than is left
			out[i].Confidence *= min(p, (1-p)/max(1, rest))
		}
	}
	slices.SortStableFunc(out, func(a, b Score) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(b.Margin, a.Margin))
	})
	return out
}

// Intents returns the names of the intents, sorted.
func (m *Model) Intents() []string { return slices.Clone(m.intents) }

// Threshold returns the confidence below which a text is about none of the intents.
func (m *Model) Threshold() float64 { return m.threshold }

// read computes margins and signals.
func (m *Model) read(text string) reading {
	clean := normalize(text)
	r := reading{margins: make([]float64, len(m.intents)), known: novel, empty: !hasContent(clean)}
	if r.empty {
		return r
	}
	s := m.words.pool.Get().(*scratch)
	defer m.words.pool.Put(s)
	unknown := m.words.vector(clean, s)
	m.sum(s, r.margins)
	near := m.examples.addSimilarity(s.index, s.value, r.margins)
	if i, found := slices.BinarySearchFunc(m.known, digest(clean), func(k known, h uint64) int { return cmp.Compare(k.hash, h) }); found {
		r.known = m.known[i].class
	}
	r.signals, r.best = signalsOf(r.margins, unknown, near)
	if r.known >= 0 {
		r.best = int(r.known)
	}
	return r
}

// sum adds the margins of the linear classifier, in fixed point, so that every machine gets the same.
func (m *Model) sum(s *scratch, margins []float64) {
	classes := len(m.intents)
	if cap(s.sums) < classes {
		s.sums = make([]int32, classes)
	}
	sums := s.sums[:classes]
	clear(sums)
	for n, i := range s.index {
		q := int32(s.value[n] * m.scale[i] * unit)
		if q == 0 {
			continue
		}
		row := m.weights[int(i)*classes:][:len(sums)]
		for c := range sums {
			sums[c] += q * int32(row[c])
		}
	}
	for c, sum := range sums {
		margins[c] = float64(sum)/unit + float64(m.bias[c])
	}
}

// signalsOf returns the signals of the best class. near is nil where examples are not kept.
func signalsOf(margins []float64, unknown float64, near *similarity) (c [signals]float64, best int) {
	first, second := math.Inf(-1), math.Inf(-1)
	for i, v := range margins {
		switch {
		case v > first:
			first, second, best = v, first, i
		case v > second:
			second = v
		}
	}
	if len(margins) == 1 {
		second = -1
	}
	c = [signals]float64{signalBase: 1, signalMargin: first, signalGap: first - second, signalUnknown: unknown}
	if near != nil {
		c[signalCosine], c[signalCoverage] = near.cosine[best], near.coverage[best]
	}
	return c, best
}

// digest returns the hash of a text without its punctuation.
func digest(text []rune) uint64 {
	h, gap := uint64(basis), true
	for _, r := range text {
		switch {
		case isWordRune(r) || isSymbol(r):
			h, gap = mix(h, r), false
		case r == ' ' && !gap:
			h, gap = mix(h, r), true
		}
	}
	if !gap {
		h = mix(h, ' ')
	}
	return h
}

// isSymbol reports whether a character outside words carries meaning, such as an emoji.
func isSymbol(r rune) bool { return r >= 0x2190 && unicode.IsSymbol(r) }

// hasContent reports whether there is anything other than punctuation and space.
func hasContent(text []rune) bool {
	return slices.ContainsFunc(text, func(r rune) bool { return isWordRune(r) || isSymbol(r) })
}
