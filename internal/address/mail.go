package address

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// A Mail is a mail address.
type Mail struct {
	Local string // without quotes
	Host  string // in ASCII, lower case
}

// ASCII reports whether the address can be sent to without SMTPUTF8.
func (m Mail) ASCII() bool { return ascii(m.Local) }

// Plain returns the address without quotes, as net/mail has it.
func (m Mail) Plain() string { return m.Local + "@" + m.Host }

// String returns the address as SMTP and mail headers take it: a local part that is no dot-atom is quoted. Japanese
// carriers gave out such addresses until 2009 (a..b@docomo.ne.jp, a.@ezweb.ne.jp).
func (m Mail) String() string {
	if dotAtom(m.Local) {
		return m.Plain()
	}
	return `"` + m.Local + `"@` + m.Host
}

// key folds case, also that of the local part: mail servers may tell Ana@ from ana@, and none does.
func (m Mail) key() string { return strings.ToLower(m.Local) + "@" + m.Host }

// Limits of RFC 5321, in bytes.
const (
	maxMail  = 254
	maxLocal = 64
	maxLabel = 63
)

// ParseMail reads one mail address: bare, in angle brackets after a name, or after mailto:. Blanks and invisible
// characters around it, full-width letters and a dot after the host are accepted. Its errors are for people and do not
// contain the address.
func ParseMail(text string) (Mail, error) {
	text = strings.TrimRight(strings.TrimSpace(norm.NFKC.String(visible(text))), ",; ")
	if strings.ContainsFunc(text, unicode.IsControl) {
		return Mail{}, notMail("a control character is in it")
	}
	bare, err := bareMail(text)
	if err != nil {
		return Mail{}, err
	}
	at := strings.LastIndexByte(bare, '@')
	if at < 0 {
		return Mail{}, notMail("it has no @")
	}
	local, err := localPart(bare[:at])
	if err != nil {
		return Mail{}, err
	}
	host, err := hostName(bare[at+1:])
	if err != nil {
		return Mail{}, err
	}
	m := Mail{Local: local, Host: host}
	if len(m.String()) > maxMail {
		return Mail{}, notMail("it is too long")
	}
	return m, nil
}

func notMail(why string) error { return errors.New("is not a mail address: " + why) }

// bareMail takes mailto:, a name before angle brackets, and quotes around the whole away.
func bareMail(text string) (string, error) {
	const mailto = "mailto:"
	if len(text) > len(mailto) && strings.EqualFold(text[:len(mailto)], mailto) {
		text, _, _ = strings.Cut(text[len(mailto):], "?")
	}
	if name, rest, ok := strings.Cut(text, "<"); ok {
		inner, after, closed := strings.Cut(rest, ">")
		inner = strings.TrimSpace(inner)
		switch {
		case !closed || strings.TrimSpace(after) != "" || strings.ContainsAny(inner, "<>"):
			return "", notMail("its angle brackets do not fit")
		case strings.Contains(name, "@") && !strings.EqualFold(strings.Trim(name, ` "'`), inner):
			return "", notMail("more than one address is in the text")
		}
		return inner, nil
	}
	for _, quote := range []string{`"`, `'`} {
		if len(text) > 2 && strings.HasPrefix(text, quote) && strings.HasSuffix(text, quote) {
			text = strings.TrimSpace(text[1 : len(text)-1])
		}
	}
	return text, nil
}

// localPart returns the part before the @, without quotes. Dots in a row, at its beginning or at its end are accepted.
func localPart(local string) (string, error) {
	if len(local) > 2 && local[0] == '"' && local[len(local)-1] == '"' {
		local = local[1 : len(local)-1]
	}
	switch {
	case local == "":
		return "", notMail("nothing is before the @")
	case strings.ContainsAny(local, "@,;"):
		if strings.Contains(local, "@") {
			return "", notMail("more than one address is in the text, or it has two @")
		}
		return "", notMail("a comma or semicolon is in it")
	case strings.ContainsFunc(local, unicode.IsSpace):
		return "", notMail("a blank is in it")
	case strings.ContainsAny(local, "()<>[]:\\\"\uFFFD"), strings.Trim(local, ".") == "":
		return "", notMail("the part before the @ is malformed")
	case len(local) > maxLocal:
		return "", notMail("the part before the @ is too long")
	}
	return local, nil
}

// hostName returns an international host name as DNS has it.
func hostName(host string) (string, error) {
	malformed := notMail("its host name is malformed")
	host = strings.TrimSuffix(host, ".")
	if !ascii(host) {
		var err error
		if host, err = idna.Lookup.ToASCII(strings.TrimSuffix(host, "。")); err != nil {
			return "", malformed
		}
	}
	host = strings.ToLower(host)
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, letters) != "" {
			return "", malformed
		}
	}
	last := labels[len(labels)-1]
	if len(labels) == 1 && host != "localhost" {
		return "", notMail("its host name has no dot")
	}
	if strings.Trim(last, "0123456789") == "" {
		return "", malformed
	}
	return host, nil
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_"

// dotAtom reports whether a local part needs no quotes.
func dotAtom(local string) bool {
	return !strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".") && !strings.Contains(local, "..")
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Header returns the address for a mail header.
func (m Mail) Header() *mail.Address { return &mail.Address{Address: m.Plain()} }
