package text

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// magic begins a saved model; its last byte is the version of the format.
var magic = []byte("tabi text model\x01")

// maxSaved bounds a saved model, uncompressed, in bytes.
const maxSaved = 64 << 20

// saved is the stored form of a model.
type saved struct {
	Intents   []string
	Keys      []uint32
	IDF       []float32
	Unknown   float32
	Pairs     bool
	Weights   []byte
	Scale     []float32
	Bias      []float32
	Heat      float64
	Trust     []float64
	Threshold float64
	Known     []uint64
	KnownAs   []int32
	LikeClass []int32
	LikeStart []int32 // of the posts of each feature, and the end
	LikeOf    []int32
	LikeValue []float32
}

// Marshal returns the model in its own format: magic, CRC-32 and a compressed body.
func (m *Model) Marshal() ([]byte, error) {
	s := saved{
		Intents: m.intents, Keys: m.words.keys, IDF: m.words.idf, Unknown: m.words.unknown, Pairs: m.words.pairs,
		Weights: make([]byte, len(m.weights)), Scale: m.scale, Bias: m.bias,
		Heat: m.temperature, Trust: m.calibration[:], Threshold: m.threshold,
	}
	for i, w := range m.weights {
		s.Weights[i] = byte(w)
	}
	for _, k := range m.known {
		s.Known, s.KnownAs = append(s.Known, k.hash), append(s.KnownAs, k.class)
	}
	if m.examples != nil {
		s.LikeClass = m.examples.class
		for _, posts := range m.examples.postings {
			s.LikeStart = append(s.LikeStart, int32(len(s.LikeOf)))
			for _, p := range posts {
				s.LikeOf, s.LikeValue = append(s.LikeOf, p.example), append(s.LikeValue, p.value)
			}
		}
		s.LikeStart = append(s.LikeStart, int32(len(s.LikeOf)))
	}
	var body bytes.Buffer
	pack, err := flate.NewWriter(&body, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := gob.NewEncoder(pack).Encode(s); err != nil {
		return nil, err
	}
	if err := pack.Close(); err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint32(bytes.Clone(magic), crc32.ChecksumIEEE(body.Bytes()))
	return append(out, body.Bytes()...), nil
}

// Unmarshal reads what Marshal returned, and checks it.
func Unmarshal(data []byte) (*Model, error) {
	at := len(magic)
	switch {
	case len(data) < at+4 || !bytes.Equal(data[:at-1], magic[:at-1]):
		return nil, errors.New("not a saved classifier")
	case data[at-1] != magic[at-1]:
		return nil, fmt.Errorf("the classifier is saved in format %d, this build reads format %d: train it again", data[at-1], magic[at-1])
	case crc32.ChecksumIEEE(data[at+4:]) != binary.BigEndian.Uint32(data[at:]):
		return nil, errors.New("the saved classifier is damaged: train it again")
	}
	var s saved
	if err := gob.NewDecoder(io.LimitReader(flate.NewReader(bytes.NewReader(data[at+4:])), maxSaved)).Decode(&s); err != nil {
		return nil, fmt.Errorf("the saved classifier is unreadable: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("the saved classifier is inconsistent: %w", err)
	}
	m := &Model{
		intents:     s.Intents,
		words:       &vocabulary{keys: s.Keys, idf: s.IDF, unknown: s.Unknown, pairs: s.Pairs},
		weights:     make([]int8, len(s.Weights)),
		scale:       s.Scale,
		bias:        s.Bias,
		temperature: s.Heat,
		calibration: [signals]float64(s.Trust),
		threshold:   s.Threshold,
	}
	m.words.index()
	for i, w := range s.Weights {
		m.weights[i] = int8(w)
	}
	for i, h := range s.Known {
		m.known = append(m.known, known{h, s.KnownAs[i]})
	}
	if len(s.LikeClass) > 0 {
		m.examples = &nearestExamples{class: s.LikeClass, postings: make([][]posting, len(s.Keys)), classes: len(s.Intents)}
		for f := range m.examples.postings {
			for k := s.LikeStart[f]; k < s.LikeStart[f+1]; k++ {
				m.examples.postings[f] = append(m.examples.postings[f], posting{s.LikeOf[k], s.LikeValue[k]})
			}
		}
		m.examples.sumSquares()
	}
	return m, nil
}

func (s *saved) check() error {
	features, classes := len(s.Keys), len(s.Intents)
	switch {
	case classes == 0 || !slices.IsSorted(s.Intents):
		return errors.New("intents")
	case !slices.IsSorted(s.Keys) || len(s.IDF) != features || len(s.Scale) != features || len(s.Weights) != features*classes ||
		len(s.Bias) != classes:
		return errors.New("weights")
	case len(s.Trust) != signals || math.IsNaN(s.Threshold) || s.Heat <= 0:
		return errors.New("calibration")
	case len(s.Known) != len(s.KnownAs) || !slices.IsSorted(s.Known) || !within(s.KnownAs, -1, classes):
		return errors.New("texts")
	case len(s.LikeClass) > 0 && (len(s.LikeStart) != features+1 || !slices.IsSorted(s.LikeStart) || s.LikeStart[0] != 0 ||
		int(s.LikeStart[features]) != len(s.LikeOf) ||
		len(s.LikeOf) != len(s.LikeValue) || !within(s.LikeOf, 0, len(s.LikeClass)) || !within(s.LikeClass, -1, classes)):
		return errors.New("examples")
	}
	return nil
}

// within reports whether all values are at least low and below high.
func within(all []int32, low, high int) bool {
	return !slices.ContainsFunc(all, func(v int32) bool { return int(v) < low || int(v) >= high })
}
