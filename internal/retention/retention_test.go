package retention_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/retention"
)

func TestParse(t *testing.T) {
	t.Parallel()
	p, err := retention.Parse(" events=400d, sends = 1y,audit=forever")
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	if p["events"] != 400*day || p["sends"] != 365*day || p["audit"] != 0 || p["decisions"] != 400*day {
		t.Errorf("%s", p)
	}
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	if !p.Before("audit", now).IsZero() || !p.Before("events", now).Equal(now.Add(-400*day)) {
		t.Error("the cutoffs are wrong")
	}
	for text, want := range map[string]string{
		"events":                       `"events" is no retention`,
		"event=400d":                   `"event" is no kind of data`,
		"events=soon":                  `events is kept for "soon": give a duration such as 400d`,
		"events=0d":                    `give a duration`,
		"events=1d":                    `events is kept for 1d: give at least 30d, or forever`,
		"events=40d,events=50d":        `events is named twice`,
		"enrollments=1y":               `enrollments are kept for 365d and sends for 730d`,
		"enrollments=2y,sends=forever": `sends for forever`,
	} {
		if _, err := retention.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// TestDocsHaveEveryKind: operators read in docs/operations.md what is deleted.
func TestDocsHaveEveryKind(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range retention.Kinds {
		row := "| `" + k.Name + "` | " + k.What + " | " + retention.Words(k.Default) + " | " +
			retention.Words(k.Least) + " | " + k.Longer + " |"
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/operations.md lacks the row\n%s", row)
		}
	}
}
