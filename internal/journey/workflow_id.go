package journey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of ids.
//
// Temporal's SQL stores have columns of 255 characters for workflow ids, and for search attributes. A longer value is refused
// at every try with an error that looks like an outage. PostgreSQL's indexes take rows of 2,704 bytes, and the indexes of
// enrollments hold a customer, a journey and a key.
const (
	MaxStoredID = 255 // bytes of a workflow id, and of the value of a search attribute
	MaxKey      = 500 // bytes of an instance key
	headBytes   = 200 // what a shortened workflow id keeps of the whole one, at most
)

// WorkflowID returns the workflow ID of an enrollment: <journey>/<customer>[/<key>], parts path-escaped. If n ≥ 2,
// "#<n>" is appended: earlier enrollments with the same parts are still running. See FitWorkflowID for long ones.
func WorkflowID(name, customer, key string, n int) string {
	id := url.PathEscape(name) + "/" + url.PathEscape(customer)
	if key != "" {
		id += "/" + url.PathEscape(key)
	}
	if n >= 2 {
		id += "#" + strconv.Itoa(n)
	}
	return FitWorkflowID(id)
}

// FitWorkflowID returns a whole workflow ID as the enrollment has it. One of more than MaxStoredID bytes is shortened: as many
// of its characters as fit in 200 bytes, a comma, and 32 hexadecimal digits of the SHA-256 of all of it, except "#<n>", which
// is appended. No other workflow ID has a comma, because escaping leaves none. docs/channels.md describes the rule for channels.
func FitWorkflowID(id string) string {
	if len(id) <= MaxStoredID {
		return id
	}
	number := ""
	if i := strings.LastIndexByte(id, '#'); i >= 0 { // escaped parts have none
		id, number = id[:i], id[i:]
	}
	head := id[:min(headBytes, len(id))]
	for end := len(head); end > len(head)-12 && end > 0; end-- { // a character has up to four escapes of three bytes
		if text, err := url.PathUnescape(head[:end]); err == nil && utf8.ValidString(text) {
			head = head[:end]
			break
		}
	}
	return head + "," + hash(id) + number
}

// pseudonymMark begins a pseudonym. An id that begins with it by chance is treated as it is.
const pseudonymMark = "~"

// Pseudonym returns the id that names a customer in workflow ids and search attributes in place of its own, made of the customer's
// random seed. Nobody can tell whose it is without the seed.
func Pseudonym(seed string) string { return pseudonymMark + keyed(seed, "customer") }

// PseudonymousKey returns what names an instance key in workflow ids in place of it: a key may be an order's number.
func PseudonymousKey(seed, key string) string {
	if key == "" {
		return ""
	}
	return keyed(seed, "key\x00"+key)
}

// keyed returns 24 hexadecimal digits of an HMAC.
func keyed(seed, text string) string {
	h := hmac.New(sha256.New, []byte(seed))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// PseudonymIn returns the pseudonym by which a workflow ID names its customer; ok is false where it names the customer's own id.
func PseudonymIn(workflowID string) (pseudonym string, ok bool) {
	_, who, _, _, ok := ParseWorkflowID(workflowID)
	return who, ok && strings.HasPrefix(who, pseudonymMark)
}

// ParseWorkflowID is the inverse of WorkflowID, except for shortened ones; ok is false for what is no workflow ID.
func ParseWorkflowID(id string) (name, customer, key string, n int, ok bool) {
	n = 1
	if i := strings.LastIndexByte(id, '#'); i >= 0 {
		number, err := strconv.Atoi(id[i+1:])
		if err != nil {
			return "", "", "", 0, false
		}
		id, n = id[:i], number
	}
	parts := strings.Split(id, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return "", "", "", 0, false
	}
	for i, part := range parts {
		text, err := url.PathUnescape(part)
		if err != nil {
			return "", "", "", 0, false
		}
		parts[i] = text
	}
	if len(parts) == 3 {
		key = parts[2]
	}
	return parts[0], parts[1], key, n, true
}

// Shorten returns an id of at most limit bytes, at least 40, for a column or an index. A longer one keeps as many characters as
// fit, and then has a comma and 32 hexadecimal digits of its SHA-256, so that equal ids stay equal and others differ.
func Shorten(id string, limit int) string {
	if len(id) <= limit {
		return id
	}
	tail := "," + hash(id)
	end := limit - len(tail)
	for end > 0 && !utf8.RuneStart(id[end]) {
		end--
	}
	return id[:end] + tail
}

// hash returns 32 hexadecimal digits of a text's SHA-256.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
