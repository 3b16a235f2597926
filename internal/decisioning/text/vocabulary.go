package text

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// vocabulary is the n-grams that a model knows. An unknown n-gram has no weight but counts in the norm of its text,
// so a mostly unknown text scores low.
type vocabulary struct {
	keys    []uint32  // sorted
	idf     []float32 // ln((1+n)/(1+df)) + 1, where df of n texts have it
	unknown float32   // idf of unknown n-grams
	pairs   bool      // with pairs of words that are not adjacent

	slots []int32 // open addressing: index into keys, or −1
	mask  uint32
	pool  *sync.Pool
}

// maxCount is the count of an n-gram above which repetitions no longer matter.
const maxCount = 64

// sublinear is 1 + ln(count).
var sublinear = func() (t [maxCount + 1]float32) {
	for i := 1; i <= maxCount; i++ {
		t[i] = float32(1 + math.Log(float64(i)))
	}
	return t
}()

// everydayDiscount is the exponent that lowers the idf of n-grams of everyday sentences.
const everydayDiscount = 1.2

// blockNorm is the norm of each kind of n-gram in the vector of a text.
var blockNorm = [kinds]float64{words: 1, chars: 1}

// newVocabulary takes the n-grams that occur in the most texts, up to a number. The texts after the first own are
// everyday sentences; the n-grams in them get a lower idf.
func newVocabulary(texts [][]rune, own, most int, pairs bool) *vocabulary {
	df, everyday := map[uint32]int32{}, map[uint32]int32{}
	for n, t := range texts {
		in := make([]uint32, 0, 4*len(t))
		eachNgram(t, pairs, func(g ngram) { in = append(in, g.hash) })
		slices.Sort(in)
		for _, h := range slices.Compact(in) {
			if df[h]++; n >= own {
				everyday[h]++
			}
		}
	}
	keys := make([]uint32, 0, len(df))
	for h := range df {
		keys = append(keys, h)
	}
	slices.SortFunc(keys, func(a, b uint32) int { return cmp.Or(cmp.Compare(df[b], df[a]), cmp.Compare(a, b)) })
	if len(keys) > most {
		keys = keys[:most]
	}
	slices.Sort(keys)
	v := &vocabulary{keys: keys, idf: make([]float32, len(keys)), unknown: float32(math.Log(float64(1+len(texts))) + 1), pairs: pairs}
	for i, h := range keys {
		v.idf[i] = float32((math.Log(float64(1+len(texts))/float64(1+df[h])) + 1) * math.Pow(float64(1+everyday[h]), -everydayDiscount))
	}
	v.index()
	return v
}

// index builds the hash table for find.
func (v *vocabulary) index() {
	size := uint32(16)
	for int(size) < 3*len(v.keys) {
		size *= 2
	}
	v.mask = size - 1
	v.slots = make([]int32, size)
	for i := range v.slots {
		v.slots[i] = -1
	}
	for i, h := range v.keys {
		at := h & v.mask
		for v.slots[at] >= 0 {
			at = (at + 1) & v.mask
		}
		v.slots[at] = int32(i)
	}
	v.pool = &sync.Pool{New: func() any { return &scratch{count: make([]uint8, len(v.keys))} }}
}

func (v *vocabulary) find(h uint32) int32 {
	for at := h & v.mask; ; at = (at + 1) & v.mask {
		i := v.slots[at]
		if i < 0 || v.keys[i] == h {
			return i
		}
	}
}

// scratch is reusable memory for the vector of one text.
type scratch struct {
	count []uint8 // by feature; all zero between two texts
	index []int32
	value []float32
	sums  []int32
}

// vector writes the features of a text to s, in the order of their first occurrence, and returns the share of the
// text that is unknown, 0 to 1.
func (v *vocabulary) vector(text []rune, s *scratch) (unknown float64) {
	s.index, s.value = s.index[:0], s.value[:0]
	var square, strange [kinds]float64
	eachNgram(text, v.pairs, func(g ngram) {
		i := v.find(g.hash)
		if i < 0 {
			strange[g.kind] += float64(v.unknown) * float64(v.unknown)
			return
		}
		if s.count[i] == 0 {
			s.index = append(s.index, i)
		}
		if s.count[i] < maxCount {
			s.count[i]++
		}
	})
	for _, i := range s.index {
		x := sublinear[s.count[i]] * v.idf[i]
		s.count[i] = 0
		s.value = append(s.value, x)
		square[v.keys[i]&1] += float64(x) * float64(x)
	}
	var factor [kinds]float32
	var all, new float64
	for k := range kinds {
		if sum := square[k] + strange[k]; sum > 0 {
			factor[k] = float32(blockNorm[k] / math.Sqrt(sum))
			all += blockNorm[k]
			new += blockNorm[k] * strange[k] / sum
		}
	}
	for n, i := range s.index {
		s.value[n] *= factor[v.keys[i]&1]
	}
	if all == 0 {
		return 1
	}
	return new / all
}
