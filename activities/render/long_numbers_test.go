package render_test

import (
	"encoding/json"
	"testing"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

func TestLongNumbersPrintAsTheyWereSent(t *testing.T) {
	t.Parallel()
	for _, digits := range []string{"820982911946154509", "18446744073709551615", "-9007199254740993", "820982911946154508.5"} {
		got, err := render.Raw(t.Context(), "body", `{{ entry.id }} {{ entry.list | join: "," }} {{ entry.id | append: "!" }}`,
			expr.Vars{Entry: map[string]any{"id": json.Number(digits), "list": []any{json.Number(digits)}}}, render.Options{})
		if want := digits + " " + digits + " " + digits + "!"; err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}
