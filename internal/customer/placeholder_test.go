package customer_test

import (
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
)

// nobody are ids that field reports name as having joined strangers.
var nobody = []string{
	"undefined", "UNDEFINED", "null", "NULL", "Null", "(null)", "nil", "<nil>", "none", "None", "NaN", "n/a", "0", "00", "-1", " ", "\t\n",
	"\u00a0", "\u200b", " null ", "[object Object]", "{}", "[]", `""`, "(not set)", "anonymous", "Anonymous", "unknown", "guest",
	"true", "false", "user_id", "userId", "distinct_id", "00000000-0000-0000-0000-000000000000",
	"{00000000-0000-0000-0000-000000000000}", "00000000000000000000000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
	"{{user_id}}", "{{ customer.id }}", "${userId}", "%user_id%", "%%USER_ID%%", "*|UNIQID|*", "{% user %}", "<%= user.id %>", "[user_id]",
	"{user_id}", "{id}", "<user_id>", "[[user]]", "anon:undefined",
}

func TestRefuseID(t *testing.T) {
	t.Parallel()
	for _, id := range nobody {
		if got := customer.RefuseID(id); got != customer.PlaceholderID {
			t.Errorf("%q: %q", id, got)
		}
	}
	for _, id := range []string{
		"", "ana", "1", "10", "-2", "u-0", "nullsoft", "nobody@example.com", "undefined behavior", "guest42", "unknown-1", "none-such",
		"{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", "00000000-0000-0000-0000-000000000001", "anon:d1", "山田", "100%", "a{{b", "[x]y",
	} {
		if got := customer.RefuseID(id); got != "" {
			t.Errorf("%q: %q", id, got)
		}
	}
}

func TestPlaceholderIDsAreRefusedByTheIntake(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		for _, c := range []customer.SegmentCall{
			{Type: "track", UserID: "undefined", Event: "Seen"},
			{Type: "track", AnonymousID: "null", Event: "Seen"},
			{Type: "identify", UserID: "ana", AnonymousID: "[object Object]"},
			{Type: "alias", UserID: "ana", PreviousID: "0"},
			{Type: "group", UserID: "NaN", Properties: enginetest.Props{"groupId": "g"}},
		} {
			c.MessageID = "1"
			_, err := s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{c})
			if err == nil || !strings.Contains(err.Error(), "means nobody") {
				s.T.Errorf("%+v: %v", c, err)
			}
		}
		r := s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "track", MessageID: "1", UserID: "ana", Event: "Seen"})
		s.Equal(r[0].Duplicate, false) // nothing of the refused calls was stored
	})
}
