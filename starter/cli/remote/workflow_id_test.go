package remote

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// An id is taken as it was given; only where nothing is there, its escaped form is tried, and the first answer
// counts if that fails too.
func TestByWorkflowID(t *testing.T) {
	t.Parallel()
	nothing := &apiclient.Refusal{Status: http.StatusNotFound, Message: "no enrollment"}
	there := map[string]error{
		"offer/ana":                 nil,
		"offer/Ana%20Maria/k%231#2": nil,
		"offer/a%25b":               nil,
		"offer/away%20now":          errors.New("broken"),
	}
	for given, want := range map[string]string{
		"offer/ana": "", "offer/Ana Maria/k#1#2": "", "offer/Ana%20Maria/k%231#2": "", "offer/a%b": "",
		"offer/nobody at all": "no enrollment", "offer/away now": "broken",
	} {
		err := ByWorkflowID(given, func(id string) error {
			if answer, ok := there[id]; ok {
				return answer
			}
			return nothing
		})
		if got := errorText(err); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAddress(t *testing.T) {
	pseudonym := journey.Pseudonym("seed")
	for _, test := range []struct{ workflowID, customer, key, want string }{
		{"cart/ana/7", "ana", "7", "cart/ana/7"},
		{"cart/" + pseudonym + "/" + journey.PseudonymousKey("seed", "order 7") + "#2", "ana/b", "order 7", "cart/ana%2Fb/order%207#2"},
		{"cart/" + pseudonym, strings.Repeat("a", 300), "", "cart/" + pseudonym},
	} {
		e := api.Enrollment{WorkflowID: test.workflowID, Journey: "cart", Customer: test.customer, Key: test.key}
		if got := Address(e); got != test.want {
			t.Errorf("%s: %s, want %s", test.workflowID, got, test.want)
		}
	}
}
