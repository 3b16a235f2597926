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
	Default time.Duration // virtual time, except for audit; 0: forever
	Least   time.Duration // that may be configured
	Longer  string        // what keeps a row longer
}

// Kinds are all kinds. docs/operations.md has the same table; TestDocsHaveEveryKind holds that. Why they have these defaults is
// decided in docs/decisions/0034.
var Kinds = []Kind{
	{Events, "events with how they were classified, and what is needed to undo merges", 0, 30 * day,
		"an open enrollment keeps its entry event, and all events of its customer since the entry; " +
			"as far back as `count` of the current release, or of an open enrollment, looks"},
	{Enrollments, "closed enrollments, with their steps and migrations", 0, 30 * day,
		"the last one of a customer by which re-entry is decided: forever with `reentry: never` and where the journey is in no " +
			"current release, as long as `after` says"},
	{Sends, "the ledger of messages, with those that apps show", 0, 30 * day,
		"one that waits, one of an open enrollment, and as long as the longest frequency cap of the current release counts"},
	{Handoffs, "closed hand-offs, with their notes", 0, 30 * day, "one of an open enrollment"},
	{Decisions, "decisions with their traces, and offers", 400 * day, 30 * day,
		"one of an open enrollment; an offer that is open, or that no model has learned from"},
	{Evidence, "evidence of intents", 400 * day, 30 * day, "what still weighs 0.0001 or more; scores do not change"},
	{Visitors, "anonymous profiles that became nobody's, with all that is stored of them", 400 * day, 30 * day,
		"one with a younger event or enrollment, or an open one; one with an address, a device or a consent, which no web key can set"},
	{RejectedCalls, "calls that were refused", 14 * day, day, "nothing; at most 10,000 are kept"},
	{DeadLetters, "dead letters", 90 * day, 7 * day, "one of an open enrollment"},
	{Audit, "the audit log", 0, 30 * day, "nothing"},
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
	named, err := read(text)
	if err != nil {
		return nil, err
	}
	for name, keep := range named {
		p[name] = keep
	}
	// What belongs to an enrollment says what happened in it only as long as the enrollment is there.
	var longer, add []string
	for _, name := range []string{Sends, Handoffs, Decisions, DeadLetters} {
		if shorter(p[Enrollments], p[name]) {
			longer = append(longer, name+" "+forWords(p[name]))
			add = append(add, name+"="+Words(p[Enrollments]))
		}
	}
	if len(longer) > 0 {
		return nil, fmt.Errorf("enrollments are kept %s, but %s: what belongs to an enrollment is not kept longer than it; also give %s, "+
			"or keep enrollments longer", forWords(p[Enrollments]), human.Join(longer), strings.Join(add, ","))
	}
	return p, nil
}

// read reads what a policy names.
func read(text string) (map[string]time.Duration, error) {
	out := map[string]time.Duration{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		at := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
		switch {
		case !ok:
			return nil, fmt.Errorf("%q does not say how long: give a kind of data and how long it is kept, such as events=400d", part)
		case at < 0:
			return nil, fmt.Errorf("%q is no kind of data%s: give one of %s", name, meant(name), strings.Join(names(), ", "))
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%s is named twice: give it once", name)
		}
		keep, err := parseAge(value)
		least := Kinds[at].Least
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s=%s: %w", name, human.Printable(value), err)
		case keep == 0 && value != forever:
			return nil, fmt.Errorf("%s=%s would delete everything at once: give at least %s, or forever", name, value, Words(least))
		case keep != 0 && keep < least:
			return nil, fmt.Errorf("%s=%s is too short: give at least %s, or forever", name, value, Words(least))
		}
		out[name] = keep
	}
	return out, nil
}

// Undecided returns the kinds that are kept forever only because a policy does not name them.
func Undecided(text string) (kinds []string) {
	named, err := read(text)
	if err != nil {
		return nil
	}
	for _, k := range Kinds {
		if _, decided := named[k.Name]; !decided && k.Default == 0 {
			kinds = append(kinds, k.Name)
		}
	}
	return kinds
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

// forever is the value of a kind that is never deleted.
const forever = "forever"

// years matches durations of whole years, which package clock does not have, since journeys do not. months matches what people write
// and nobody can compute: a month has no fixed length.
var (
	years  = regexp.MustCompile(`^(\d{1,3})y$`)
	months = regexp.MustCompile(`(?i)^(\d{1,4})\s*(mo|mon|months?|mths?)$`)
)

// parseAge reads how long a kind is kept; 0: forever, or the text is zero.
func parseAge(text string) (time.Duration, error) {
	const give = "give a duration such as 400d or 2y, at most 100y, or forever"
	if text == forever {
		return 0, nil
	}
	if m := years.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n <= 100 {
			return time.Duration(n) * 365 * day, nil
		}
		return 0, errors.New("that is longer than 100 years: " + give)
	}
	if m := months.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return 0, fmt.Errorf("a month has no fixed length: give days, such as %dd", (n*365+11)/12)
		}
	}
	if text == "0" {
		return 0, nil
	}
	if strings.HasPrefix(text, "-") {
		return 0, errors.New("that is negative: " + give)
	}
	d, err := clock.ParseDuration(text)
	if err != nil && strings.Contains(err.Error(), "100 years") {
		return 0, fmt.Errorf("%w: %s", err, give)
	}
	if err != nil || text == "" {
		if s := clock.SuggestDuration(text); s != "" {
			return 0, fmt.Errorf("did you mean %s? Otherwise %s", s, give)
		}
		if slices.Contains([]string{"never", "infinite", "unlimited", "always", "ever"}, strings.ToLower(text)) {
			return 0, errors.New("did you mean forever?")
		}
		return 0, errors.New(give)
	}
	return d, nil
}

// Words returns how long something is kept, in words.
func Words(keep time.Duration) string {
	switch {
	case keep == 0:
		return forever
	case keep%day == 0:
		return strconv.Itoa(int(keep/day)) + "d"
	}
	return clock.FormatDuration(keep)
}

// forWords is Words after "kept".
func forWords(keep time.Duration) string {
	if keep == 0 {
		return forever
	}
	return "for " + Words(keep)
}

// String returns the policy as it is configured, for logs.
func (p Policy) String() string {
	var parts []string
	for _, k := range Kinds {
		parts = append(parts, k.Name+"="+Words(p[k.Name]))
	}
	return strings.Join(parts, ",")
}

// Longer says which kinds are kept longer than configured, and why, where the release looks back for these durations: by its longest
// frequency cap, and by its longest count of events.
func (p Policy) Longer(sends, events time.Duration) (out []string) {
	for _, one := range []struct {
		kind, why string
		back      time.Duration
	}{{Sends, "the longest frequency cap of the release counts them", sends},
		{Events, "count() in the release looks that far back", events}} {
		if set := p[one.kind]; set > 0 && set < one.back {
			out = append(out, fmt.Sprintf("%s are kept for %s instead of %s: %s", one.kind, Words(one.back.Round(day)), Words(set),
				one.why))
		}
	}
	return out
}

// Before returns the time before which a kind is old; the zero time: it is kept forever.
func (p Policy) Before(kind string, now time.Time) time.Time {
	if p[kind] <= 0 {
		return time.Time{}
	}
	return now.Add(-p[kind])
}
