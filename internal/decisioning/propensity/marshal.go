package propensity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// form is the version of the binary format. A model in another version is learned again.
const form = 1

// MaxSize returns the largest size in bytes of a model with that many predictors: 54,183 for 100.
func MaxSize(predictors int) int {
	return fixedSize + predictors*(1+maxName+headSize+maxBins*numberSize)
}

const (
	fixedSize  = 1 + 5*8 + 8 + 4*4 + scoreBins*8 + 2 + 4
	headSize   = 2 + 5*4 + 1 // flags, area, missing, slope, number of bins
	numberSize = 7 * 4       // a bin of numbers; one of names is smaller, with that of rare names too
)

var errDamaged = errors.New("propensity: the model is damaged: drop it, and it is learned anew")

// MarshalBinary returns the model: versioned, little-endian, with a checksum, at most MaxSize bytes.
func (m *Model) MarshalBinary() ([]byte, error) {
	w := append(make(writer, 0, MaxSize(len(m.predictors))), form)
	w.f64(m.start.Propensity, m.start.Evidence, m.start.HalfLife, m.weight, m.scoreUnit)
	w = binary.LittleEndian.AppendUint64(w, m.outcomes)
	w.f32(m.pos, m.neg, m.bias.mean, m.bias.variance)
	for _, s := range m.scores {
		w.f32(s.Pos, s.Neg)
	}
	w = binary.LittleEndian.AppendUint16(w, uint16(len(m.predictors)))
	for i := range m.predictors {
		p := &m.predictors[i]
		w = append(w, byte(len(p.name)))
		w = append(w, p.name...)
		w.flag(p.number)
		w.flag(p.active)
		w.f32(p.auc, p.missing.weight.mean, p.missing.weight.variance, p.slope.mean, p.slope.variance)
		w = append(w, byte(len(p.bins)))
		for _, b := range p.bins {
			w.bin(b)
			if p.number {
				w.f32(b.lo, b.hi, b.mean)
			} else {
				w = binary.LittleEndian.AppendUint32(w, b.hash)
			}
		}
		if !p.number {
			w.bin(p.other)
		}
	}
	return binary.LittleEndian.AppendUint32(w, crc32.ChecksumIEEE(w)), nil
}

// UnmarshalBinary reads what MarshalBinary wrote. After an error the model is unchanged.
func (m *Model) UnmarshalBinary(data []byte) error {
	if len(data) < fixedSize {
		return errDamaged
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return errDamaged
	}
	r := reader{rest: body}
	if got := r.byte(); got != form {
		return fmt.Errorf("propensity: the model has form %d, this build reads form %d: drop it, and it is learned anew", got, form)
	}
	n := Model{
		start:     Start{r.f64(), r.f64(), r.f64()},
		weight:    r.f64(),
		scoreUnit: r.f64(),
		outcomes:  binary.LittleEndian.Uint64(r.take(8)),
		pos:       r.f32(),
		neg:       r.f32(),
		bias:      r.belief(),
	}
	for i := range n.scores {
		n.scores[i].Pos, n.scores[i].Neg = r.f32(), r.f32()
	}
	count := binary.LittleEndian.Uint16(r.take(2))
	if r.short || count > MaxPredictors || n.start != n.start.filled() ||
		!(n.weight >= 1 && n.weight <= maxUnit && n.scoreUnit >= 1 && n.scoreUnit <= maxUnit) {
		return errDamaged
	}
	for range count {
		p := predictor{name: string(r.take(int(r.byte()))), number: r.byte() == 1, active: r.byte() == 1, auc: r.f32()}
		p.missing.weight, p.slope = r.belief(), r.belief()
		bins := int(r.byte())
		if bins > maxBins {
			return errDamaged
		}
		p.bins = make([]bin, 0, bins)
		for range bins {
			b := r.bin()
			if p.number {
				b.lo, b.hi, b.mean = r.f32(), r.f32(), r.f32()
			} else {
				b.hash = binary.LittleEndian.Uint32(r.take(4))
			}
			p.bins = append(p.bins, b)
		}
		if !p.number {
			p.other = r.bin()
		}
		n.predictors = append(n.predictors, p)
	}
	if r.short || len(r.rest) > 0 {
		return errDamaged
	}
	*m = n
	return nil
}

type writer []byte

func (w *writer) f64(vs ...float64) {
	for _, v := range vs {
		*w = binary.LittleEndian.AppendUint64(*w, math.Float64bits(v))
	}
}

func (w *writer) f32(vs ...float32) {
	for _, v := range vs {
		*w = binary.LittleEndian.AppendUint32(*w, math.Float32bits(v))
	}
}

func (w *writer) flag(v bool) {
	if v {
		*w = append(*w, 1)
	} else {
		*w = append(*w, 0)
	}
}

func (w *writer) bin(b bin) { w.f32(b.pos, b.neg, b.weight.mean, b.weight.variance) }

// reader returns zeros after the end of the data, and remembers that it did.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.short, r.rest = true, nil
		return make([]byte, n)
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) f64() float64   { return math.Float64frombits(binary.LittleEndian.Uint64(r.take(8))) }
func (r *reader) belief() belief { return belief{r.f32(), r.f32()} }
func (r *reader) bin() bin       { return bin{pos: r.f32(), neg: r.f32(), weight: r.belief()} }

func (r *reader) f32() float32 { return math.Float32frombits(binary.LittleEndian.Uint32(r.take(4))) }
