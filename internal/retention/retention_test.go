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
		"events":                       `"events" does not say how long: give a kind of data and how long it is kept, such as events=400d`,
		"event=400d":                   `"event" is no kind of data; did you mean events?`,
		"logs=400d":                    `"logs" is no kind of data: give one of events, enrollments, sends, handoffs,`,
		"events=":                      `events=: give a duration such as 400d or 2y, at most 100y, or forever`,
		"events=soon":                  `events=soon: give a duration such as 400d`,
		"events=never":                 `events=never: did you mean forever?`,
		"events=0":                     `events=0 would delete everything at once: give at least 30d, or forever`,
		"events=0d":                    `events=0d would delete everything at once`,
		"events=-400d":                 `events=-400d: that is negative`,
		"events=6mo":                   `events=6mo: a month has no fixed length: give days, such as 183d`,
		"events=12 months":             `such as 365d`,
		"events=400 days":              `did you mean 57w1d?`,
		"events=101y":                  `longer than 100 years`,
		"events=40000d":                `longer than 100 years`,
		"events=1d":                    `events=1d is too short: give at least 30d, or forever`,
		"rejected_calls=1h":            `rejected_calls=1h is too short: give at least 1d, or forever`,
		"events=40d,events=50d":        `events is named twice`,
		"events=400d;sends=2y":         `events=400d;sends=2y: give a duration`,
		"enrollments=2y,sends=forever": `sends forever, handoffs forever: what belongs to an enrollment is not kept longer`,
		"enrollments=1y,sends=1y":      `handoffs forever, decisions for 400d: what belongs`,
		"enrollments=60d":              `also give sends=60d,handoffs=60d,decisions=60d,dead_letters=60d, or keep enrollments longer`,
		"events=4\u001b[31m0":          `events=4`,
	} {
		_, err := retention.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\u001b") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"", " , ", "events=2y", "enrollments=90d,sends=90d,handoffs=90d,decisions=90d", "events=57w1d",
		"events=400d,enrollments=3y,sends=3y,handoffs=3y,audit=10y"} {
		if _, err := retention.Parse(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What a company does with its customers is kept until somebody decides otherwise, and what nobody has decided on is said.
func TestDefaultsKeep(t *testing.T) {
	t.Parallel()
	const want = "events=forever,enrollments=forever,sends=forever,handoffs=forever,decisions=400d,evidence=400d,visitors=400d," +
		"rejected_calls=14d,dead_letters=90d,audit=forever"
	if got := retention.Defaults().String(); got != want {
		t.Error(got)
	}
	for text, want := range map[string]string{
		"":                             "events enrollments sends handoffs audit",
		"events=2y,audit=forever":      "enrollments sends handoffs",
		"events=2y,enrollments=sooner": "", // said elsewhere
	} {
		if got := strings.Join(retention.Undecided(text), " "); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// What a release counts is kept longer than configured, and that is said.
func TestLongerIsSaid(t *testing.T) {
	t.Parallel()
	p, err := retention.Parse("events=400d,sends=30d,decisions=30d")
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	got := strings.Join(p.Longer(48*day, 103*day), "; ")
	if got != "sends are kept for 48d instead of 30d: the longest frequency cap of the release counts them" {
		t.Error(got)
	}
	if got := retention.Defaults().Longer(4000*day, 4000*day); got != nil {
		t.Error(got)
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
