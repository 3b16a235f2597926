package clock

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// lengths are the units that people write, in words, in ISO 8601 and in Japanese. A month is no fixed time, and is absent.
var lengths = func() map[string]time.Duration {
	out := map[string]time.Duration{}
	for length, words := range map[time.Duration]string{
		7 * 24 * time.Hour: "w wk wks week weeks 週 週間",
		24 * time.Hour:     "d day days 日 日間",
		time.Hour:          "h hr hrs hour hours 時間",
		time.Minute:        "m min mins minute minutes 分 分間",
		time.Second:        "s sec secs second seconds 秒 秒間",
	} {
		for _, word := range strings.Fields(words) {
			out[word] = length
		}
	}
	return out
}()

var (
	spanPart = regexp.MustCompile(`^(\d{1,9}(?:\.\d{1,3})?|an?\b|one\b)[ _-]*(\p{L}+?)(?:$|[ ,]+(?:and +)?|(\d))`)
	isoSpan  = regexp.MustCompile(`^p(?:\d+[wd])*(?:t(?:\d+[hms])+)?$`)
)

// SuggestDuration returns the duration that a text most likely means, as ParseDuration reads it, or "" if that is not
// clear: 3d for `3 days`, 1h30m for `1.5h`, 2h for `PT2H`.
func SuggestDuration(text string) string {
	rest := strings.ToLower(strings.TrimSpace(strings.Map(narrow, text)))
	if len(rest) > 60 {
		return ""
	}
	if isoSpan.MatchString(rest) {
		rest = strings.NewReplacer("p", "", "t", "").Replace(rest)
	}
	total := 0.0
	for rest != "" {
		m := spanPart.FindStringSubmatch(rest)
		if m == nil {
			return ""
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			n = 1 // a, an, one
		}
		length, known := lengths[m[2]]
		if !known {
			return ""
		}
		total += n * length.Seconds()
		rest = rest[len(m[0])-len(m[3]):]
	}
	if total < 1 || total > MaxDuration.Seconds() {
		return ""
	}
	return FormatDuration(time.Duration(total) * time.Second)
}

// narrow returns the ordinary digit or blank for a full-width one.
func narrow(r rune) rune {
	switch {
	case r >= '０' && r <= '９':
		return r - '０' + '0'
	case r == '\u3000' || r == '\u00a0':
		return ' '
	}
	return r
}
