package offer

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strings"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// A trace is stored as JSON. The trace of a decision among many actions is packed, because its JSON of some hundred
// kilobytes takes longer to write than the decision takes to make. A packed trace is the marker and then, in base64, a
// table of the words and for each candidate the positions of its words and its numbers in single precision.
const (
	packedTrace = "t1:"
	plainTrace  = 32 // up to so many candidates are stored as JSON
)

var errTrace = errors.New("the trace of a decision is damaged")

func packTrace(all []decisioning.Candidate) (string, error) {
	if len(all) == 0 {
		return "[]", nil
	}
	if len(all) <= plainTrace {
		return sqldb.JSONText(all)
	}
	p := packer{places: map[string]uint64{}, body: make([]byte, 0, 48*len(all))}
	p.body = binary.AppendUvarint(p.body, uint64(len(all)))
	for i := range all {
		c := &all[i]
		for _, word := range [...]string{c.Action, c.Channel, c.Stage, c.Reason} {
			p.word(word)
		}
		flags := byte(sqldb.Flag(c.Explored) | sqldb.Flag(c.HeldBack)<<1)
		p.body = append(p.body, flags)
		for _, n := range [...]float64{c.P, c.C, c.V, c.L, c.Priority, c.Propensity, c.Evidence, c.Worth, c.Cost} {
			p.body = binary.LittleEndian.AppendUint32(p.body, math.Float32bits(float32(n)))
		}
	}
	head, err := json.Marshal(p.words)
	if err != nil {
		return "", err
	}
	out := binary.AppendUvarint(make([]byte, 0, len(head)+len(p.body)+8), uint64(len(head)))
	out = append(append(out, head...), p.body...)
	return packedTrace + base64.RawStdEncoding.EncodeToString(out), nil
}

type packer struct {
	places map[string]uint64
	words  []string
	body   []byte
}

func (p *packer) word(w string) {
	at, known := p.places[w]
	if !known {
		at = uint64(len(p.words))
		p.places[w] = at
		p.words = append(p.words, w)
	}
	p.body = binary.AppendUvarint(p.body, at)
}

func unpackTrace(trace string) (all []decisioning.Candidate, err error) {
	packed, ok := strings.CutPrefix(trace, packedTrace)
	if !ok {
		return all, json.Unmarshal([]byte(trace), &all)
	}
	raw, err := base64.RawStdEncoding.DecodeString(packed)
	if err != nil {
		return nil, errTrace
	}
	u := unpacker{raw: raw}
	head := u.take(u.uint())
	if err := json.Unmarshal(head, &u.words); err != nil {
		return nil, errTrace
	}
	n := u.uint()
	if n > uint64(len(u.raw)) {
		return nil, errTrace
	}
	all = make([]decisioning.Candidate, n)
	for i := range all {
		c := &all[i]
		for _, word := range [...]*string{&c.Action, &c.Channel, &c.Stage, &c.Reason} {
			*word = u.word()
		}
		if flags := u.take(1); flags != nil {
			c.Explored, c.HeldBack = flags[0]&1 != 0, flags[0]&2 != 0
		}
		for _, n := range [...]*float64{&c.P, &c.C, &c.V, &c.L, &c.Priority, &c.Propensity, &c.Evidence, &c.Worth, &c.Cost} {
			if four := u.take(4); four != nil {
				*n = float64(math.Float32frombits(binary.LittleEndian.Uint32(four)))
			}
		}
	}
	if u.broken {
		return nil, errTrace
	}
	return all, nil
}

type unpacker struct {
	raw    []byte
	words  []string
	broken bool
}

func (u *unpacker) take(n uint64) []byte {
	if u.broken || n > uint64(len(u.raw)) {
		u.broken = true
		return nil
	}
	out := u.raw[:n]
	u.raw = u.raw[n:]
	return out
}

func (u *unpacker) uint() uint64 {
	v, n := binary.Uvarint(u.raw)
	if n <= 0 {
		u.broken = true
		return 0
	}
	u.take(uint64(n))
	return v
}

func (u *unpacker) word() string {
	at := u.uint()
	if at >= uint64(len(u.words)) {
		u.broken = true
		return ""
	}
	return u.words[at]
}
