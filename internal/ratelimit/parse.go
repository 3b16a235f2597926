// Package ratelimit delays sends and calls to providers: by configured rates, and while a provider's Retry-After lasts.
// Both are kept in the database, which all workers share.
package ratelimit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/message"
)

// Call is the provider name of the requests of call steps, in addition to the channels.
const Call = "call"

// Rates are the rates by bucket: a provider ("email"), or a part of it ("email:shop@example.com",
// "webhook:hooks.example.com").
type Rates map[string]message.Pace

// units are the units of a rate.
var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// fastest is the highest rate per second; above it the bucket's microseconds would not count exactly.
const fastest = 100_000

// Parse reads rates: a comma-separated list of BUCKET=NUMBER/UNIT, with unit s, m or h:
// email=50/s,email:shop@example.com=0.5/s. A bucket holds the tokens of one second, at least 1: so many may go out at
// once after a pause. known are the names allowed before the colon.
func Parse(text string, known []string) (Rates, error) {
	rates := Rates{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		at := strings.LastIndexByte(item, '=')
		if at < 0 {
			return nil, fmt.Errorf("%q: write channel=number/unit, as email=50/s", item)
		}
		bucket := strings.TrimSpace(item[:at])
		provider, part, apart := strings.Cut(bucket, ":")
		switch {
		case !slices.Contains(known, provider):
			return nil, fmt.Errorf("%q: %q is not one of %s", item, provider, strings.Join(known, ", "))
		case apart && part == "":
			return nil, fmt.Errorf("%q: nothing follows the colon: write a sender, or a host", item)
		}
		bucket = Bucket(provider, part)
		if _, twice := rates[bucket]; twice {
			return nil, fmt.Errorf("%q: %s has a rate already", item, bucket)
		}
		pace, err := parsePace(strings.TrimSpace(item[at+1:]))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		rates[bucket] = pace
	}
	return rates, nil
}

func parsePace(text string) (message.Pace, error) {
	number, unit, _ := strings.Cut(text, "/")
	span, ok := units[strings.TrimSpace(unit)]
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case !ok || err != nil:
		return message.Pace{}, fmt.Errorf("%q is not a rate: write a number per s, m or h, as 50/s", text)
	case !(n > 0) || n/span.Seconds() > fastest || n*24 < span.Hours():
		return message.Pace{}, fmt.Errorf("%q: a rate must be between one a day and %d/s", text, fastest)
	}
	return message.Pace{Interval: time.Duration(float64(span) / n), Burst: max(1, int(n/span.Seconds()))}, nil
}

// Bucket returns the name of the bucket of a provider, or of a part of it.
func Bucket(provider, part string) string {
	if part == "" {
		return provider
	}
	return provider + ":" + strings.ToLower(part)
}
