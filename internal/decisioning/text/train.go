package text

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Options configure Train; zero values take the defaults.
type Options struct {
	Seed    uint64 // of the random order of training; the same seed and examples make the same model. Default 1.
	MaxSize int    // of the model, in bytes; default and maximum 15.5 million. With many intents rare n-grams are dropped to stay below it.
	Folds   int    // held out in turn for calibration; default 3, at least 2
}

// Method is the version of the training method. It changes whenever the same examples make another model.
const Method = 2

const (
	maxSize     = 15_500_000
	featureCost = 16 // bytes of a feature in addition to its weights, in memory and in the saved form
	// fewTexts is the largest number of examples with which a text is also compared with each of them.
	fewTexts = 600
	// maxIntents is the largest number of intents of a model.
	maxIntents = 2000
)

// Train makes a model. It fails if there is no intent, an intent without a readable text, or more than maxIntents of
// them. Examples without anything to read are skipped. The order of examples does not matter.
func Train(examples []Example, o Options) (*Model, error) {
	o.Seed, o.Folds = cmp.Or(o.Seed, 1), cmp.Or(o.Folds, 3)
	if o.MaxSize <= 0 || o.MaxSize > maxSize {
		o.MaxSize = maxSize
	}
	if o.Folds < 2 {
		return nil, fmt.Errorf("folds is %d, must be at least 2", o.Folds)
	}
	c, err := buildCorpus(examples)
	if err != nil {
		return nil, err
	}
	few := c.own <= fewTexts
	if few {
		c.background()
	}
	m := &Model{intents: c.intents, known: c.known, temperature: defaultTemperature}
	m.words = newVocabulary(c.texts, c.own, o.MaxSize/(len(c.intents)+featureCost), !few)
	x, unknown := c.vectors(m.words)
	how := svmOptions{cost: 1, positive: 3, bias: 1, passes: 30, eps: 0.1, seed: o.Seed}
	weigh := svm
	if !few {
		weigh = m.words.trainEnsemble
	}
	m.calibration, m.threshold = calibrate(c, x, unknown, few, weigh, how, o.Folds)
	rows := make([]int32, x.rows())
	for i := range rows {
		rows[i] = int32(i)
	}
	m.quantize(weigh(x, rows, c.labels, len(c.intents), how))
	if few {
		m.examples = newNearestExamples(c.labels, len(c.intents), x, rows)
	}
	return m, nil
}

// corpus is the texts to train on, sorted by label and text.
type corpus struct {
	intents []string
	texts   [][]rune
	labels  []int32 // class; −1: out of scope
	known   []known
	own     int // number of given texts; those after them are background
}

func buildCorpus(examples []Example) (*corpus, error) {
	c := &corpus{}
	for _, e := range examples {
		if e.Intent != "" {
			c.intents = append(c.intents, e.Intent)
		}
	}
	slices.Sort(c.intents)
	c.intents = slices.Compact(c.intents)
	if len(c.intents) > maxIntents {
		return nil, fmt.Errorf("there are %d intents, at most %d are supported", len(c.intents), maxIntents)
	}
	type line struct {
		text  string
		label int32
	}
	lines := make([]line, 0, len(examples))
	for _, e := range examples {
		clean := normalize(e.Text)
		if !hasContent(clean) {
			continue
		}
		label := int32(-1)
		if e.Intent != "" {
			at, _ := slices.BinarySearch(c.intents, e.Intent)
			label = int32(at)
		}
		lines = append(lines, line{string(clean), label})
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Or(cmp.Compare(a.label, b.label), cmp.Compare(a.text, b.text)) })
	lines = slices.Compact(lines)
	trained := map[int32]bool{}
	seen := map[uint64]int32{}
	for _, l := range lines {
		text := []rune(l.text)
		c.texts, c.labels = append(c.texts, text), append(c.labels, l.label)
		trained[l.label] = true
		h := digest(text)
		if before, twice := seen[h]; twice && before != l.label {
			seen[h] = novel // an example of several intents: similarity decides
		} else {
			seen[h] = l.label
		}
	}
	c.own = len(lines)
	for h, label := range seen {
		if label != novel {
			c.known = append(c.known, known{h, label})
		}
	}
	slices.SortFunc(c.known, func(a, b known) int { return cmp.Compare(a.hash, b.hash) })
	for i, name := range c.intents {
		if !trained[int32(i)] {
			return nil, fmt.Errorf("intent %q has no example with words in it", name)
		}
	}
	if len(c.intents) == 0 {
		return nil, errors.New("there are no examples of an intent")
	}
	return c, nil
}

// vectors returns the vectors of all texts, and the unknown share of each.
func (c *corpus) vectors(v *vocabulary) (*matrix, []float64) {
	m := &matrix{start: make([]int32, 1, len(c.texts)+1), width: len(v.keys)}
	unknown := make([]float64, len(c.texts))
	s := v.pool.Get().(*scratch)
	for i, t := range c.texts {
		unknown[i] = v.vector(t, s)
		m.index, m.value = append(m.index, s.index...), append(m.value, s.value...)
		m.start = append(m.start, int32(len(m.index)))
	}
	v.pool.Put(s)
	return m, unknown
}

// quantize stores the weights as bytes; the largest weight of each feature becomes ±127.
func (m *Model) quantize(w [][]float32) {
	features, classes := len(m.words.keys), len(m.intents)
	m.weights, m.scale, m.bias = make([]int8, features*classes), make([]float32, features), make([]float32, classes)
	for f := range features {
		top := float32(0)
		for c := range classes {
			top = max(top, w[c][f], -w[c][f])
		}
		if top == 0 {
			continue
		}
		m.scale[f] = top / 127
		for c := range classes {
			q := w[c][f] / m.scale[f]
			if q < 0 {
				q -= 0.5
			} else {
				q += 0.5
			}
			m.weights[f*classes+c] = int8(q)
		}
	}
	for c := range classes {
		m.bias[c] = w[c][features]
	}
}
