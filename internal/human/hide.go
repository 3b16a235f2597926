package human

import (
	"regexp"
	"strings"
)

// Hidden is shown in place of personal data.
const Hidden = "•••"

// code matches reasons of tabi and of the policy, such as NO_ADDRESS.
var code = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)

// HideReason returns why a message was not sent as it may be shown to everybody: a code of tabi's as it is, other words hidden, since a
// provider's may quote the address.
func HideReason(reason string) string {
	if reason == "" || code.MatchString(reason) {
		return reason
	}
	return Hidden
}

// HideEnd returns why an enrollment ended as it may be shown to everybody: without what an operator or an error adds after a colon.
func HideEnd(reason string) string {
	words, more, found := strings.Cut(reason, ": ")
	if !found || more == "" {
		return reason
	}
	return words + ": " + Hidden
}
