package lint_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

func TestAbsentConsentCountsAsGivenInScenarios(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, c := range []struct {
		rule     expr.Expr
		customer m
		want     bool
	}{
		{`customer.consent.marketing`, m{}, true},
		{`customer.consent.marketing`, m{"consent": m{}}, true},
		{`customer.consent.marketing`, m{"consent": m{"marketing": nil}}, true},
		{`customer.consent.marketing`, m{"consent": m{"marketing": true}}, true},
		{`customer.consent.marketing`, m{"consent": m{"marketing": false}}, false},
		{`customer.consent.marketing`, m{"consent": m{"marketing": "yes"}}, false},
		{`customer.consent.marketing`, m{"consent": false}, false},
		{`customer.consent.marketing == true`, m{}, true},
		{`customer.consent.marketing != false`, m{}, true},
		{`customer.consent.marketing == "yes"`, m{}, true},
		{`customer.consent.marketing == "yes"`, m{"consent": m{"marketing": "no"}}, false},
		{`has(customer.consent.marketing) && customer.consent.marketing`, m{}, true},
		{`customer.?consent.marketing.orValue(false)`, m{}, true},
		{`customer["consent"]["marketing"]`, m{}, true},
		{`!customer.unsubscribed`, m{}, true},
		{`!customer.unsubscribed`, m{"unsubscribed": true}, false},
		{`customer.consent.email && customer.country != "DE"`, m{"country": "DE"}, false},
		{`customer.consent.email && customer.country != "DE"`, m{"country": "JP"}, true},
		{`customer.consent.email && customer.age >= 18`, m{"age": 17.0}, false},
		{`customer.consent.email && customer.age >= 18`, m{}, false},
		{`customer.consent.email && customer.age >= 18`, m{"age": 18.0}, true},
		{`vars.nothing`, m{}, false},
		{`false`, m{}, false},
		{`intent.purchase > 0.5`, m{}, false},
	} {
		t.Run(string(c.rule), func(t *testing.T) {
			t.Parallel()
			book, err := journey.NewRulebook(journey.Rules{Policy: &journey.Policy{Consent: map[string]expr.Expr{"marketing": c.rule}}})
			if err != nil {
				t.Fatal(err)
			}
			scope := journey.NewScope(expr.Vars{Customer: c.customer, Intent: map[string]float64{"purchase": 0}})
			if got := book.TestGiven(c.rule, scope); got != c.want {
				t.Errorf("%v: got %v, want %v", c.customer, got, c.want)
			}
		})
	}
}
