package journey

import (
	"net/url"
	"strconv"
)

// WorkflowID returns the workflow ID of an enrollment: <journey>/<customer>[/<key>], parts path-escaped. If n ≥ 2,
// "#<n>" is appended: earlier enrollments with the same parts are still running.
func WorkflowID(name, customer, key string, n int) string {
	id := url.PathEscape(name) + "/" + url.PathEscape(customer)
	if key != "" {
		id += "/" + url.PathEscape(key)
	}
	if n >= 2 {
		id += "#" + strconv.Itoa(n)
	}
	return id
}
