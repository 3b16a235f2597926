package journey

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	if Bucket("a", "b") != Bucket("a", "b") || Bucket("ab", "") == Bucket("a", "b") {
		t.Error("a bucket hangs on its parts, each for itself, alone")
	}
	low := 0
	for i := range 10000 {
		if Bucket("journey", time.Duration(i).String()) < 0.05 {
			low++
		}
	}
	if low < 400 || low > 600 {
		t.Errorf("%d of 10,000 are in the first twentieth", low)
	}
}
