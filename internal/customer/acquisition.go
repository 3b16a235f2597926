package customer

import (
	"maps"
	"reflect"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Acquisition is the trait that says by which campaigns a customer came: {first: {source, medium, name, term, content, at}, last: {…}}.
const Acquisition = "acquisition"

// acquisitionFields are the fields of Segment's context.campaign, which are utm_source, utm_medium, utm_campaign, utm_term, utm_content.
var acquisitionFields = []string{"source", "medium", "name", "term", "content"}

// acquired returns the change of the trait by the campaign of a call at a time: the first one stays, the last one is replaced. A library
// repeats the campaign in each call while it is in the page's address, so the same one again changes nothing.
func acquired(is any, campaign map[string]any, at int64) map[string]any {
	known, _ := is.(map[string]any)
	last, _ := known["last"].(map[string]any)
	first, _ := known["first"].(map[string]any)
	if sameCampaign(last, campaign) || len(last) > 0 && moment(last) > at {
		return nil
	}
	one := map[string]any{"at": sqldb.Moment(at).UTC().Format(time.RFC3339)}
	for _, field := range acquisitionFields {
		one[field] = campaign[field] // nil takes that of the campaign before away
	}
	out := map[string]any{"last": one}
	if len(first) == 0 {
		out["first"] = maps.Clone(one)
	}
	return out
}

func sameCampaign(a, b map[string]any) bool {
	if len(a) == 0 {
		return false
	}
	for _, field := range acquisitionFields {
		if a[field] != b[field] {
			return false
		}
	}
	return true
}

// moment returns when a campaign was, in milliseconds; 0: not said.
func moment(one map[string]any) int64 {
	text, _ := one["at"].(string)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0
	}
	return at.UnixMilli()
}

// joinAcquisition returns the acquisition of two customers that become one: the earlier first and the later last.
func joinAcquisition(survivor, gone any) any {
	a, isMap := survivor.(map[string]any)
	b, isToo := gone.(map[string]any)
	if !isMap || !isToo {
		return nil
	}
	out := maps.Clone(a)
	for name, better := range map[string]func(x, y int64) bool{
		"first": func(x, y int64) bool { return x < y }, "last": func(x, y int64) bool { return x > y },
	} {
		own, _ := a[name].(map[string]any)
		other, _ := b[name].(map[string]any)
		if len(other) > 0 && (len(own) == 0 || moment(other) != 0 && better(moment(other), moment(own))) {
			out[name] = other
		}
	}
	if reflect.DeepEqual(out, a) {
		return a
	}
	return out
}
