package consent_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/consent"
)

func TestMeaningOfAConsent(t *testing.T) {
	t.Parallel()
	for _, yes := range []any{true, "true", " Yes ", "on", "1", 1.0, 1, "opted_in", "Opt-In", "subscribed", "はい", "可", "同意する", "ＹＥＳ"} {
		if got := consent.Of(yes); got != consent.Yes {
			t.Errorf("%v: got %v, want yes", yes, got)
		}
	}
	for _, no := range []any{
		false, "false", "FALSE", "no", "off", "0", 0.0, "", " ", "unsubscribed", "opted_out", "opted-out", "いいえ", "不可", "配信停止", "ｎｏ",
		"\u200b",
	} {
		if got := consent.Of(no); got != consent.No {
			t.Errorf("%v: got %v, want no", no, got)
		}
	}
	for _, unclear := range []any{"maybe", 2.0, []any{"email"}, map[string]any{"a": true}, "null"} {
		if got := consent.Of(unclear); got != consent.Unclear {
			t.Errorf("%v: got %v, want unclear", unclear, got)
		}
	}
}

func TestNormalConsents(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	asks := func(name string) bool { return strings.Contains("all marketing email", name) }
	given := m{"tier": "gold", "consent": m{
		"marketing": "no", "email": "maybe", "all": nil, "source": "no", "version": 1.0, "topics": m{"news": "yes", "sale": 7.0},
	}}
	got, problems := consent.Normal(given, asks)
	if diff := cmp.Diff(m{"tier": "gold", "consent": m{
		"marketing": false, "email": false, "all": nil, "source": "no", "version": 1.0, "topics": m{"news": true, "sale": false},
	}}, got); diff != "" {
		t.Error(diff)
	}
	if len(problems) != 2 || problems[0].String() != `consent.email is "maybe", which is neither yes nor no; it was stored as false` {
		t.Errorf("got %v", problems)
	}
	if got, _ := consent.Normal(m{"consent": "no"}, asks); got["consent"] != false {
		t.Errorf("got %v", got)
	}
}

func TestJoinedConsents(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, c := range []struct{ survivor, gone, want any }{
		{m{"marketing": true}, m{"marketing": false}, m{"marketing": false}},
		{m{"marketing": true}, m{"marketing": "no"}, m{"marketing": false}},
		{m{"marketing": true}, m{"marketing": "what"}, m{"marketing": false}},
		{m{"marketing": false}, m{"marketing": true}, m{"marketing": false}},
		{m{"marketing": true}, false, m{"marketing": false}},
		{true, m{"marketing": "off", "email": true}, m{"marketing": false, "email": true}},
		{true, false, false}, {true, "no", false}, {nil, m{"email": false}, m{"email": false}},
		{m{"topics": m{"a": true}}, m{"topics": m{"a": false, "b": true}}, m{"topics": m{"a": false, "b": true}}},
	} {
		if diff := cmp.Diff(c.want, consent.Join(c.survivor, c.gone)); diff != "" {
			t.Errorf("%v and %v: %s", c.survivor, c.gone, diff)
		}
	}
}
