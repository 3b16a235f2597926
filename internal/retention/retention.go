// Package retention says how long each kind of data is kept: the one table, and how it is configured. The background job deletes, the
// rooms decide which rows are still needed.
package retention

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
)

const day = 24 * time.Hour

// The kinds of data.
const (
	Events        = "events"
	Enrollments   = "enrollments"
	Sends         = "sends"
	Handoffs      = "handoffs"
	Decisions     = "decisions"
	Evidence      = "evidence"
	Visitors      = "visitors"
	RejectedCalls = "rejected_calls"
	DeadLetters   = "dead_letters"
	Audit         = "audit"
)

// A Kind is a kind of data that is deleted when it is old.
type Kind struct {
	Name    string
	What    string        // it consists of
	Default time.Duration // virtual time, except for audit
	Least   time.Duration // that may be configured
	Longer  string        // what keeps a row longer
}

// Kinds are all kinds. docs/operations.md has the same table; TestDocsHaveEveryKind holds that.
var Kinds = []Kind{
	{Events, "events with how they were classified, and what is needed to undo merges", 730 * day, 30 * day,
		"an open enrollment keeps its entry event, and all events of its customer since the entry"},
	{Enrollments, "closed enrollments, with their steps and migrations", 730 * day, 30 * day,
		"the last one of a customer by which re-entry is decided: forever with `reentry: never` and where the journey is in no " +
			"current release, as long as `after` says"},
	{Sends, "the ledger of messages, with those that apps show", 730 * day, 30 * day,
		"one that waits, one of an open enrollment, and as long as the longest frequency cap of the current release counts"},
	{Handoffs, "closed hand-offs, with their notes", 730 * day, 30 * day, "one of an open enrollment"},
	{Decisions, "decisions with their traces, and offers", 400 * day, 30 * day,
		"one of an open enrollment; an offer that is open, or that no model has learned from"},
	{Evidence, "evidence of intents", 400 * day, 30 * day, "what still weighs 0.0001 or more; scores do not change"},
	{Visitors, "anonymous profiles that became nobody's, with all that is stored of them", 400 * day, 30 * day,
		"one with an event that is younger, or an open enrollment"},
	{RejectedCalls, "calls that were refused", 14 * day, day, "nothing; at most 10,000 are kept"},
	{DeadLetters, "dead letters", 90 * day, 7 * day, "one of an open enrollment"},
	{Audit, "the audit log", 730 * day, 30 * day, "nothing"},
}

// Policy is how long each kind is kept; 0: forever.
type Policy map[string]time.Duration

// Defaults returns the policy of an installation that configures nothing.
func Defaults() Policy {
	p := Policy{}
	for _, k := range Kinds {
		p[k.Name] = k.Default
	}
	return p
}

// names returns the names of all kinds.
func names() []string {
	out := make([]string, len(Kinds))
	for i, k := range Kinds {
		out[i] = k.Name
	}
	return out
}

// Parse reads a policy such as "events=400d,sends=2y,audit=forever". What is not named has its default.
func Parse(text string) (Policy, error) {
	p := Defaults()
	named := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		at := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
		switch {
		case !ok:
			return nil, fmt.Errorf("%q is no retention: give a kind of data and how long it is kept, such as events=400d", part)
		case at < 0:
			return nil, fmt.Errorf("%q is no kind of data%s: give one of %s", name, meant(name), strings.Join(names(), ", "))
		case named[name]:
			return nil, fmt.Errorf("%s is named twice", name)
		}
		named[name] = true
		keep, err := parseAge(value)
		if err != nil {
			return nil, fmt.Errorf("%s is kept for %q: %w", name, value, err)
		}
		if least := Kinds[at].Least; keep != 0 && keep < least {
			return nil, fmt.Errorf("%s is kept for %s: give at least %s, or forever", name, value, Words(least))
		}
		p[name] = keep
	}
	// What belongs to an enrollment says what happened in it only as long as the enrollment is there.
	for _, name := range []string{Sends, Handoffs, Decisions, DeadLetters} {
		if shorter(p[Enrollments], p[name]) {
			return nil, fmt.Errorf("enrollments are kept for %s and %s for %s: what belongs to an enrollment is not kept longer than it",
				Words(p[Enrollments]), name, Words(p[name]))
		}
	}
	return p, nil
}

// meant returns what was probably meant by a name, in words.
func meant(name string) string {
	if s := human.Suggest(name, names()); s != "" {
		return "; did you mean " + s + "?"
	}
	return ""
}

// shorter reports whether a is shorter than b; 0 is forever.
func shorter(a, b time.Duration) bool { return a != 0 && (b == 0 || a < b) }

// years matches durations of whole years, which package clock does not have, since journeys do not.
var years = regexp.MustCompile(`^(\d{1,3})y$`)

func parseAge(text string) (time.Duration, error) {
	if text == "forever" {
		return 0, nil
	}
	if m := years.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err == nil && n >= 1 && n <= 100 {
			return time.Duration(n) * 365 * day, nil
		}
	}
	d, err := clock.ParseDuration(text)
	if err != nil || d == 0 {
		return 0, errors.New("give a duration such as 400d or 2y, at most 100y, or forever")
	}
	return d, nil
}

// Words returns how long something is kept, in words.
func Words(keep time.Duration) string {
	switch {
	case keep == 0:
		return "forever"
	case keep%day == 0:
		return strconv.Itoa(int(keep/day)) + "d"
	}
	return clock.FormatDuration(keep)
}

// String returns the policy as it is configured, for logs.
func (p Policy) String() string {
	var parts []string
	for _, k := range Kinds {
		parts = append(parts, k.Name+"="+Words(p[k.Name]))
	}
	return strings.Join(parts, ",")
}

// Before returns the time before which a kind is old; the zero time: it is kept forever.
func (p Policy) Before(kind string, now time.Time) time.Time {
	if p[kind] <= 0 {
		return time.Time{}
	}
	return now.Add(-p[kind])
}
