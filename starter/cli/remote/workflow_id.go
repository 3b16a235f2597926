package remote

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// ByWorkflowID calls with a workflow id as it was given and, where there is none such, with its parts escaped
// as enrollments' addresses have them: "offer/Ana Maria" is at offer/Ana%20Maria.
func ByWorkflowID(given string, call func(id string) error) error {
	err := call(given)
	var no *apiclient.Refusal
	if !errors.As(err, &no) || no.Status != http.StatusNotFound {
		return err
	}
	if id := escapedID(given); id != given {
		if again := call(id); !errors.As(again, &no) || no.Status != http.StatusNotFound {
			return again
		}
	}
	return err
}

// Address returns what people call an enrollment by: its workflow id, or, where that has a pseudonym, the one that it would have without.
// Commands take both.
func Address(e api.Enrollment) string {
	if _, ok := journey.PseudonymIn(e.WorkflowID); !ok {
		return e.WorkflowID
	}
	_, _, _, n, _ := journey.ParseWorkflowID(e.WorkflowID)
	if id := journey.WorkflowID(e.Journey, e.Customer, e.Key, n); !strings.Contains(id, ",") {
		return id
	}
	return e.WorkflowID // the other one is shortened, and names nobody
}

// escapedID escapes the parts of a workflow id; a #n at the end, from the second of its name on, stays.
func escapedID(given string) string {
	id, number := given, ""
	if i := strings.LastIndexByte(given, '#'); i >= 0 && i < len(given)-1 && strings.Trim(given[i+1:], "0123456789") == "" {
		id, number = given[:i], given[i:]
	}
	parts := strings.Split(id, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return journey.FitWorkflowID(strings.Join(parts, "/") + number)
}
