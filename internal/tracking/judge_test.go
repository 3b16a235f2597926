package tracking_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/tracking"
)

// hits reads "0.0:click1 0.5:open 1.2:click2/judged 3:click1/burst": seconds, what, which link, and what is known of it.
func hits(text string) (out []tracking.Hit) {
	base := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for i, part := range strings.Fields(text) {
		at, what, _ := strings.Cut(part, ":")
		seconds, err := time.ParseDuration(at + "s")
		if err != nil {
			panic(err)
		}
		h := tracking.Hit{ID: fmt.Sprint(i), Kind: tracking.Open, At: base.Add(seconds)}
		what, known, _ := strings.Cut(what, "/")
		if known == "judged" {
			h.Judged = true
		} else {
			h.Machine, h.Judged = known, known != ""
		}
		if n, click := strings.CutPrefix(what, "click"); click {
			h.Kind = tracking.Click
			_, _ = fmt.Sscan(n, &h.Link)
		}
		out = append(out, h)
	}
	return out
}

func ids(m map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }

func TestBursts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, hits string
		of         int
		want       string
	}{
		{"one click", "0:click0", 5, ""},
		{"the only link, twice", "0:click0 0.5:click0", 1, ""},
		{"two of five links at once", "0:click0 0.5:click1", 5, ""},
		{"three of five links at once", "0:click0 0.4:click1 0.9:click2", 5, "0 1 2"},
		{"both of two links at once", "0:click0 0.9:click1", 2, "0 1"},
		{"both of two links, with time to look", "0:click0 1.2:click1", 2, ""},
		{"one link again and again", "0:click0 0.3:click0 0.6:click0", 5, ""},
		{"all links, one after the other", "0:click0 0.9:click1 1.8:click2 2.7:click3", 4, "0 1 2 3"},
		{"a person much later", "0:click0 0.4:click1 0.8:click2 9:click1", 3, "0 1 2"},
		{"the pixel at the same time", "0:open 0.2:click0 0.4:click1 0.6:click2 1.4:open 5:open", 3, "0 1 2 3 4"},
		{"opens alone", "0:open 0.1:open 0.2:open", 3, ""},
		{"those that a program has made do not count", "0:click0/program 0.1:click1/program 0.2:click2", 3, ""},
		{"a burst that goes on", "0:click0/burst 0.5:click1/burst 0.9:click2/burst 1.7:click3", 9, "0 1 2 3"},
		{"two people who forward a mail", "0:click0 4:click1 8:click2", 3, ""},
	} {
		if got := ids(tracking.Bursts(hits(c.hits), c.of)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, hits, want string }{
		{"loaded again at once", "0:click0 0.3:click0 1.9:click0", "1 2"},
		{"clicked again", "0:click0 2.0:click0 60:click0", ""},
		{"two links", "0:click0 0.3:click1", ""},
		{"an open and a click", "0:open 0.1:click0", ""},
		{"a machine was first", "0:click0/program 0.1:click0", ""},
		{"counted already", "0:click0/judged 1:click0 2.5:click0", "1"},
		{"the later one was counted first", "0:click0 0.5:click0/judged", "0"},
	} {
		got := tracking.Repeats(hits(c.hits), nil)
		if diff := cmp.Diff(c.want, ids(got)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if got := ids(tracking.Repeats(hits("0:click0 0.5:click0"), map[string]bool{"0": true})); got != "" {
		t.Errorf("a machine of a burst is compared: %q", got)
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	if tracking.Wait(tracking.Click, 2) < 2*tracking.Pause || tracking.Wait(tracking.Open, 0) == 0 {
		t.Error("a mail's hits are judged before a burst can be seen")
	}
	if tracking.Wait(tracking.Click, 1) != 0 {
		t.Error("a hit waits that no burst can be part of")
	}
	if tracking.Reload > tracking.Settle || tracking.Settle > tracking.Looks {
		t.Error("a hit is judged before what decides about it has come")
	}
}
