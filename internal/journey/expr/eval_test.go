package expr_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
)

func TestEval(t *testing.T) {
	t.Parallel()
	p := journeytest.Program()
	for source, want := range map[expr.Expr]any{
		"1":                          1.0,
		"-2":                         -2.0,
		"1 + 2.5":                    3.5,
		"7 % 4":                      3.0,
		"7.5 % 2":                    1.5,
		"1 / 2":                      0.5,
		"7u + 1":                     8.0,
		"event.total * 2 > 10":       true,
		"vars.tries + 1":             2.0,
		"size(entry.items) + 1 == 3": true,
		"entry.items.size() * 2":     4.0,
		"entry.items[1].price":       25.0,
		"entry.items[vars.i].price":  25.0,
		"entry.items[size(entry.items) - 1].price": 25.0,
		"entry.n == 3":                        true,
		"entry.n + 1":                         4.0,
		"int('12') + 1":                       13.0,
		"int(2.9)":                            2.0,
		"now.getFullYear() + 1":               2027.0,
		"now.getHours('Asia/Tokyo')":          19.0,
		"now.getHours('asia/tokyo')":          19.0,
		"now.getHours('+09:00')":              19.0,
		"now.getMinutes('-02:30')":            30.0,
		"now.getHours('UTC+9')":               19.0,
		"now.getHours()":                      10.0,
		"now.getDayOfWeek('Asia/Tokyo')":      1.0,
		"now.getDayOfYear()":                  60.0,
		"now.getMonth() + now.getDate()":      4.0,
		"duration('90m').getMinutes()":        90.0,
		"duration('1d').getHours()":           24.0,
		"string(vars.tries)":                  "1",
		"'n' + string(size('abc'))":           "n3",
		"1 in [1, 2]":                         true,
		"vars.tries in [1.0]":                 true,
		"'a' in customer.tags":                true,
		"'tier' in customer":                  true,
		"{1: 'one'}[vars.i]":                  "one",
		"true ? 1 : 2":                        1.0,
		"event_name":                          "Cart Updated",
		"customer.?tier.orValue('none')":      "gold",
		"customer.?city.orValue('none')":      "none",
		"customer.?city.?street.orValue('-')": "-",
		"customer[?'tier'].orValue('x')":      "gold",
		"has(customer.tier)":                  true,
		"has(customer.city)":                  false,
		"customer.none == null":               true,
		"steps.before_end.timed_out":          true,
		"steps['before-end'].arm + 1":         1.0,
		"now":                                 journeytest.Now,
		"now + duration('7d')":                journeytest.Now.Add(7 * 24 * time.Hour),
		"duration('1w') == duration('7d')":    true,
		"duration('1w2d')":                    9 * 24 * time.Hour,
		"duration('-2d')":                     -48 * time.Hour,
		"now < customer.trial_ends_at":        true,
		"customer.trial_ends_at > now":        true,
		"customer.trial_ends_at <= now":       false,
		"event.at == now":                     true,
		"now == event.at":                     true,
		"now != event.at":                     false,
		"now == '2026-03-02T10:00:00Z'":       true,
		"timestamp(customer.trial_ends_at) - now > duration('7d')": true,
		"timestamp('2026-03-02T10:00:00Z') == now":                 true,
		"timestamp(1772445600) == now":                             true,
		"count('Order Completed', '30d')":                          2.0,
		"count('Order Completed') + 1":                             3.0,
		"count('never')":                                           0.0,
		"last('Order Completed') < now":                            true,
		"now - last('Order Completed') < duration('1d')":           true,
		"entry.items.map(i, i.price)":                              []any{10.0, 25.0},
		"entry.items.exists(i, i.price > 20)":                      true,
		"entry.items.all(i, i.price > 20)":                         false,
		"entry.items.exists_one(i, i.price > 20)":                  true,
		"entry.items.filter(i, i.price > 20).size()":               1.0,
		"{'b': 1, 'a': 2, 'd': 3, 'c': 4}.map(k, k)":               []any{"a", "b", "c", "d"},
		"{'a': [1, 'x', null, true]}":                              map[string]any{"a": []any{1.0, "x", nil, true}},
		"customer.tier.startsWith('g') && 'abc'.matches('^a.c$')":  true,
		"event.missing > 1 || customer.tier == 'gold'":             true,
		"customer.tier == 'gold' || event.missing > 1":             true,
		"!(event.missing > 1 && customer.tier == 'silver')":        true,
		"type(1) == type(2.5)":                                     true,
		"customer.mrr >= 100 && customer.mrr < 100.5":              true,
		"[3, 1, 2][0]":                                 3.0,
		"optional.of(1).hasValue()":                    true,
		"now > '2026-03-02T09:59:59.5Z'":               true,
		"customer.tags.map(x, x + '!')[1]":             "b!",
		"(1 + 2) * 3 - -1":                             10.0,
		"dyn(1) + 1":                                   2.0,
		"double('2.5')":                                2.5,
		"bool('true')":                                 true,
		"\"日本\".size()":                                2.0,
		"string(1234567)":                              "1234567",
		"string(0.25)":                                 "0.25",
		"{1000000: 'x'}":                               map[string]any{"1000000": "x"},
		"entry.long":                                   json.Number("820982911946154509"),
		"entry.long == 820982911946154509":             true,
		"entry.long == 820982911946154508":             false,
		"entry.long != 820982911946154508":             true,
		"820982911946154509 == entry.long":             true,
		"entry.long > 820982911946154508":              true,
		"entry.long <= 1":                              false,
		"1 < entry.long":                               true,
		"entry.long in [1, 820982911946154509]":        true,
		"entry.long in [1, 820982911946154508]":        false,
		"'o-' + string(entry.long)":                    "o-820982911946154509",
		"int('820982911946154509') == entry.long":      true,
		"int(entry.long)":                              json.Number("820982911946154509"),
		"entry.long + 1 > 8e17":                        true,
		"1 + entry.long > 8e17 && -entry.long < -8e17": true,
		"entry.long / 2 > 4e17 && entry.long * 0 == 0": true,
		"entry.long % 2 == 0":                          true,
		"double(entry.long) > 8e17":                    true,
		"type(entry.long) == type(1)":                  true,
		"[entry.long] == [820982911946154509]":         true,
		"{'a': entry.long}":                            map[string]any{"a": json.Number("820982911946154509")},
		"9007199254740992":                             9007199254740992.0,
		"entry.long == '820982911946154509'":           false,
	} {
		got, err := p.Eval(source, journeytest.Vars())
		if err != nil {
			t.Errorf("%s: %v", source, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %#v, want %#v", source, got, want)
		}
	}
}

func TestEvalErrors(t *testing.T) {
	t.Parallel()
	p := journeytest.Program()
	for _, source := range []expr.Expr{"customer.missing", "event.missing > 1", "1 / 0", "1 % 0", "customer.tier > 1",
		"customer.tier + 1 > 1", "last('never')",
		"count('broken')", "customer.?missing", "intent.churn > 0.5", "steps.nudge.status", "int('x')", "timestamp(customer.tier)",
		"duration(customer.tier)",
		"entry.items[9]", "entry.items[0.5]", "", "not an expression", "1e308 * 10", "now < customer.tier",
		"now.getHours(customer.tier)", "now.getHours(customer.missing)", "now.getHours(customer.mrr)", "customer.tier.getHours()",
		"[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, " +
			"[1,2,3,4,5,6,7,8,9,10].all(e, true)))))"} {
		if got, err := p.Eval(source, journeytest.Vars()); err == nil {
			t.Errorf("%s = %v, want an error", source, got)
		}
		if source != "" && p.Test(source, journeytest.Vars()) {
			t.Errorf("%s tests true", source)
		}
	}
	if !p.Test("", expr.Vars{}) {
		t.Error("an absent condition is not true")
	}
	if p.Test("1", journeytest.Vars()) {
		t.Error("a number tests true")
	}
	if p.Test("event.total > 1", expr.Vars{}) || p.Test("event_name == ''", expr.Vars{}) {
		t.Error("an event that is not at hand can be read")
	}
}

// A text that is a date is midnight of that day in the customer's zone where the other side is a timestamp. Two texts compare as
// texts.
func TestDatesCompareWithTimestamps(t *testing.T) {
	t.Parallel()
	p := journeytest.Program()
	now := time.Date(2026, 5, 3, 20, 0, 0, 0, time.UTC) // 4 May, 05:00 in Tokyo
	for zone, want := range map[any]map[expr.Expr]bool{
		"Asia/Tokyo": {"customer.day <= now": true, "now >= customer.day": true, "customer.day > now": false,
			"customer.day == timestamp('2026-05-03T15:00:00Z')": true, "'2026-05-04' < now": true, "now < '2026-05-05'": true,
			"customer.day < customer.later": true, "customer.day == '2026-05-04'": true, "customer.day == '2026-05-03T15:00:00Z'": false,
			"customer.day != timestamp('2026-05-03T15:00:00Z')": false, "last('Order Completed') < customer.day": true,
			"[customer.day].all(d, d < now)": true, "(true ? now : customer.day) >= customer.day": true},
		"Mars/Olympus": {"customer.day <= now": false, "now < customer.day": true},
		"+09:00":       {"customer.day <= now": true},
		nil:            {"customer.day <= now": false, "customer.day == timestamp('2026-05-04T00:00:00Z')": true},
		// Midnight is skipped there on that day: it begins at 01:00, which is 04:00 UTC.
		"America/Santiago": {"timestamp('2026-09-06T04:00:00Z') == customer.spring": true,
			"timestamp('2026-09-06T03:59:59Z') < customer.spring": true},
	} {
		vars := journeytest.Vars()
		vars.Now = now
		vars.Customer = map[string]any{"timezone": zone, "day": "2026-05-04", "later": "2026-05-04T00:00:00Z", "spring": "2026-09-06"}
		for source, want := range want {
			if got, err := p.Eval(source, vars); err != nil || got != want {
				t.Errorf("%v: %s = %v (%v), want %v", zone, source, got, err, want)
			}
		}
	}
	for source, want := range map[expr.Expr]bool{
		"event.day < now": true, "now == event.at": true, "event.a == event.b": false, "now < timestamp(event.at)": false,
		"now < '2026-05-04'": true, "now < '2026-05-04T00:00:00Z'": false, "event.day < event.other": false,
	} {
		if got := p.Remote(source); got != want {
			t.Errorf("%s is evaluated where the customer is: %v, want %v", source, got, want)
		}
	}
}
