package journey

import (
	"crypto/sha256"
	"encoding/binary"
)

// Bucket maps the parts to a number in [0, 1). The same parts always return the same number; splits and holdouts depend
// on that.
func Bucket(parts ...string) float64 {
	h := sha256.New()
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return float64(binary.BigEndian.Uint64(h.Sum(nil))>>11) / (1 << 53)
}
