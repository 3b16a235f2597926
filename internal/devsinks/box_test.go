package devsinks

import "testing"

func TestOldestMessageIsDropped(t *testing.T) {
	t.Parallel()
	many := newBox(func(int) int { return 1 })
	for range MaxKept + 5 {
		many.add(func(id int) int { return id })
	}
	if all := many.all(); len(all) != MaxKept || all[0] != 6 || all[MaxKept-1] != MaxKept+5 {
		t.Errorf("%d are kept, from %d to %d", len(all), all[0], all[len(all)-1])
	}
	big := newBox(func(int) int { return maxBytes / 4 })
	for range 9 {
		big.add(func(id int) int { return id })
	}
	if all := big.all(); len(all) != 4 || all[0] != 6 {
		t.Errorf("of four that fit, %v are kept", all)
	}
	huge := newBox(func(int) int { return 2 * maxBytes })
	huge.add(func(id int) int { return id })
	if all := huge.all(); len(all) != 1 {
		t.Error("the last one is always kept")
	}
}
