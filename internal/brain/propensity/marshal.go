package propensity

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// version of the binary form.
const version = 1

var errDamaged = errors.New("propensity: the model is damaged: it ends early or is no model; learn it anew")

// MarshalBinary writes the model: little-endian, versioned, at most MaxSize(predictors) bytes.
func (m *Model) MarshalBinary() ([]byte, error) {
	w := &writer{}
	w.put(uint8(version), m.start.Propensity, m.start.Evidence, m.start.HalfLife, m.outcomes, m.weight, m.pos, m.neg, m.bias.w, m.bias.v)
	w.put(m.scores)
	w.put(uint16(len(m.predictors)))
	for i := range m.predictors {
		p := &m.predictors[i]
		w.put(uint8(len(p.name)), []byte(p.name), p.number, p.active, p.auc, p.missing.w, p.missing.v, uint8(len(p.bins)))
		for _, b := range p.bins {
			w.put(b.pos, b.neg, b.w, b.v)
			if p.number {
				w.put(b.lo, b.hi, b.mean)
			} else {
				w.put(b.hash)
			}
		}
		if !p.number {
			w.put(p.other.pos, p.other.neg, p.other.w, p.other.v)
		}
	}
	return w.Bytes(), nil
}

// MaxSize is how many bytes a model with that many predictors takes at most.
func MaxSize(predictors int) int { return 1024 + predictors*(1+maxName+15+maxNumberBins*28) }

// UnmarshalBinary reads what MarshalBinary wrote. After an error the model is unchanged.
func (m *Model) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errDamaged
	}
	if data[0] != version {
		return fmt.Errorf("propensity: the model has form %d, this build reads form %d: learn it anew", data[0], version)
	}
	r := &reader{Reader: bytes.NewReader(data[1:])}
	n := &Model{}
	var count uint16
	r.get(&n.start.Propensity, &n.start.Evidence, &n.start.HalfLife, &n.outcomes, &n.weight, &n.pos, &n.neg, &n.bias.w, &n.bias.v)
	r.get(&n.scores)
	r.get(&count)
	if r.err != nil || count > maxPredictors {
		return errDamaged
	}
	for range count {
		var p predictor
		var length, bins uint8
		r.get(&length)
		name := make([]byte, length)
		r.get(name, &p.number, &p.active, &p.auc, &p.missing.w, &p.missing.v, &bins)
		p.name = string(name)
		if r.err != nil || bins > max(maxNumberBins, maxSymbolBins) {
			return errDamaged
		}
		for range bins {
			var b bin
			r.get(&b.pos, &b.neg, &b.w, &b.v)
			if p.number {
				r.get(&b.lo, &b.hi, &b.mean)
			} else {
				r.get(&b.hash)
			}
			p.bins = append(p.bins, b)
		}
		if !p.number {
			r.get(&p.other.pos, &p.other.neg, &p.other.w, &p.other.v)
		}
		n.predictors = append(n.predictors, p)
	}
	if r.err != nil || r.Len() > 0 || !(n.weight > 0) || math.IsInf(n.weight, 1) {
		return errDamaged
	}
	*m = *n
	return nil
}

type writer struct{ bytes.Buffer }

func (w *writer) put(vs ...any) {
	for _, v := range vs {
		_ = binary.Write(&w.Buffer, binary.LittleEndian, v) // a buffer takes everything
	}
}

type reader struct {
	*bytes.Reader
	err error
}

func (r *reader) get(vs ...any) {
	for _, v := range vs {
		if r.err == nil {
			r.err = binary.Read(r.Reader, binary.LittleEndian, v)
		}
	}
}
