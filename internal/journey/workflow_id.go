package journey

import (
	"net/url"
	"strconv"
)

// WorkflowID is the address of an instance in Temporal: <journey>/<customer>[/<key>], parts path-escaped,
// #<n> behind it from the second where one is still open (n ≥ 2).
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
