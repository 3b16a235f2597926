package journey

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
)

// maxUnpacked bounds what Unpack takes out of a packed definition, in bytes.
const maxUnpacked = 4 << 20

// Canonical is the definition's JSON: struct fields in their order, map keys sorted.
func (d *Definition) Canonical() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("journey %q cannot be written as JSON: %w", d.Journey, err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Revision is the hash of the definition's canonical JSON: 12 hex digits of its SHA-256.
func (d *Definition) Revision() string {
	data, err := d.Canonical()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// Pack gives the definition as it travels in workflow input: canonical JSON, gzipped, deterministic.
func Pack(d *Definition) ([]byte, error) {
	data, err := d.Canonical()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Unpack is the inverse of Pack.
func Unpack(packed []byte) (*Definition, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("not a packed definition: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err != nil {
		return nil, fmt.Errorf("not a packed definition: %w", err)
	}
	if len(data) > maxUnpacked {
		return nil, fmt.Errorf("the packed definition is larger than %d MiB", maxUnpacked>>20)
	}
	d := &Definition{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("not a packed definition: %w", err)
	}
	return d, nil
}

// maxPrograms bounds the cache of Load.
const maxPrograms = 256

// programs is the cache of Load, by revision; order is from the longest unused to the latest.
var programs = struct {
	sync.Mutex
	byRevision map[string]*Program
	order      []string
}{byRevision: map[string]*Program{}}

// Load is NewProgram(Unpack(packed)) through a bounded process-wide cache by revision (256 programs).
// A revision that does not match the content is an error.
func Load(packed []byte, revision string) (*Program, error) {
	programs.Lock()
	known := programs.byRevision[revision]
	if known != nil {
		touchProgram(revision)
	}
	programs.Unlock()
	if known != nil {
		return known, nil
	}
	d, err := Unpack(packed)
	if err != nil {
		return nil, err
	}
	p, err := NewProgram(d)
	if err != nil {
		return nil, err
	}
	if p.revision != revision {
		return nil, fmt.Errorf("journey %q: the definition is revision %s, not %s", d.Journey, p.revision, revision)
	}
	programs.Lock()
	defer programs.Unlock()
	programs.byRevision[revision] = p
	touchProgram(revision)
	for len(programs.order) > maxPrograms {
		delete(programs.byRevision, programs.order[0])
		programs.order = programs.order[1:]
	}
	return p, nil
}

// touchProgram makes a revision the latest used. The lock is held.
func touchProgram(revision string) {
	if i := slices.Index(programs.order, revision); i >= 0 {
		programs.order = slices.Delete(programs.order, i, i+1)
	}
	programs.order = append(programs.order, revision)
}
