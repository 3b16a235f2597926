package enrollment_test

import (
	"math"
	"testing"

	"github.com/tabi-journeys/tabi/internal/enrollment"
)

func TestIDsSortByTimeAndOrder(t *testing.T) {
	t.Parallel()
	last := ""
	for _, at := range []int64{-1, 0, 1, 1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_001, 253_402_300_799_000} {
		id, err := enrollment.NewID(at)
		if err != nil {
			t.Fatal(err)
		}
		if id <= last {
			t.Errorf("%s of %d does not sort after %s", id, at, last)
		}
		last = id
	}
	first, err := enrollment.NewID(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enrollment.NewID(1); err != nil {
		t.Fatal(err)
	}
	if second, err := enrollment.NewID(0); err != nil || second <= first {
		t.Errorf("%s, made after %s with one of another time in between, does not sort after it (%v)", second, first, err)
	}
	if id, err := enrollment.NewID(math.MaxInt64); err == nil {
		t.Errorf("a time past the year 10889 has the id %s", id)
	}
}
