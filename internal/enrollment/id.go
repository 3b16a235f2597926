package enrollment

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"

	"github.com/oklog/ulid/v2"
)

var idsMade atomic.Uint32

// NewID returns a ULID of a time in Unix milliseconds; a time before 1970 counts as 1970. Ids sort by time. Those of one
// millisecond sort in the order in which this process made them, even if it made ids of other times in between (the
// entropy of the library loses that order): the random part begins with a counter.
func NewID(at int64) (string, error) {
	var entropy [10]byte
	binary.BigEndian.PutUint32(entropy[:], idsMade.Add(1))
	if _, err := rand.Read(entropy[4:]); err != nil {
		return "", err
	}
	id, err := ulid.New(uint64(max(at, 0)), bytes.NewReader(entropy[:]))
	if err != nil {
		return "", err
	}
	return id.String(), nil
}
