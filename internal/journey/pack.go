package journey

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxUnpacked bounds the size of an unpacked definition, in bytes.
const maxUnpacked = 4 << 20

// Canonical returns the definition's JSON: struct fields in their order, map keys sorted.
func (d *Definition) Canonical() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("journey %q cannot be written as JSON: %w", d.Journey, err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Revision returns the hash of the definition's canonical JSON: the first 12 hex digits of its SHA-256.
//
// A running enrollment must never change under its customer's feet. It therefore carries its whole definition in its
// workflow input (Pack), and a publish affects only later enrollments; running ones change by migration alone. The
// revision names such a definition in the store, in reports and in the cache of Load.
//
// The invariant: equal definitions have equal revisions, in every process and in every later version of tabi, and
// different definitions have different ones. Positions and comments are not part of a Definition, and Check fills in
// defaults, so reformatting a file, or writing out a default, publishes nothing new. What breaks the invariant:
//
//   - A map or slice whose order depends on the file or on chance: every publish would make a new revision.
//   - A new field without `omitempty`: all stored revisions would stop matching their content, and Load would refuse the
//     input of every running enrollment.
//   - A field that does not reach the JSON: an edit would not change the revision, and Load would run the old program.
//
// Load verifies the hash before it caches a program, so a worker never runs a definition under another's revision.
// The journey's name is part of the hash, so one cache can serve all journeys. See docs/decisions/0003.
func (d *Definition) Revision() string {
	data, err := d.Canonical()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// Pack returns the definition as it travels in workflow input: canonical JSON, gzipped. The same definition always
// returns the same bytes.
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

// programs is the cache of Load, by revision.
var programs = newProgramCache()

func newProgramCache() *lru.Cache[string, *Program] {
	cache, err := lru.New[string, *Program](maxPrograms)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return cache
}

// Load returns NewProgram(Unpack(packed)) through a process-wide LRU cache by revision. It fails if the revision does
// not match the content.
func Load(packed []byte, revision string) (*Program, error) {
	if p, ok := programs.Get(revision); ok {
		return p, nil
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
	programs.Add(revision, p)
	return p, nil
}
