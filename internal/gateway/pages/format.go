package pages

import (
	"encoding/json"
	"strings"

	"github.com/tabi-journeys/tabi/internal/number"
)

// shown is the longest value that a page shows, in bytes.
const shown = 400

// showValue formats a JSON value for people.
func showValue(v any) string {
	var text string
	switch v := v.(type) {
	case nil:
		text = "–"
	case string:
		text = v
	case float64, json.Number:
		text, _ = number.Text(v)
	case bool:
		text = map[bool]string{true: "yes", false: "no"}[v]
	default:
		data, err := json.Marshal(v)
		if err != nil {
			return "?"
		}
		text = string(data)
	}
	if len(text) > shown {
		text = strings.ToValidUTF8(text[:shown], "") + "…"
	}
	return text
}
