package bounce

import (
	"bytes"
	"net/mail"
	"regexp"
	"strings"

	"github.com/tabi-journeys/tabi/channel"
	judge "github.com/tabi-journeys/tabi/internal/address"
)

// delivery reads the groups of fields of delivery reports (RFC 3464): the first group is of the mail, each other one of a
// recipient. Some servers leave the first one out.
func (p *parts) delivery(m *Mail) {
	for rest := p.status; len(rest) > 0 && len(m.Results) < maxRecipients; {
		rest = bytes.TrimLeft(rest, "\r\n")
		var group header
		group, rest = split(rest)
		if id := strings.Trim(group.get("X-Original-Message-ID"), "<> "); id != "" {
			m.MessageIDs = append(m.MessageIDs, id)
		}
		if !group.has("Final-Recipient") && !group.has("Original-Recipient") && !group.has("Action") {
			continue
		}
		p.recipient(m, group)
	}
	if len(m.Results) == 0 && len(m.Ignored) == 0 {
		p.words(m)
	}
}

// recipient reads what became of the mail at one recipient.
func (p *parts) recipient(m *Mail, group header) {
	action := strings.ToLower(firstWord(group.get("Action")))
	status := group.get("Status")
	r := Result{Address: address(untyped(group.get("Original-Recipient"))), Final: address(untyped(group.get("Final-Recipient")))}
	switch {
	case r.Address == "":
		r.Address, r.Final = r.Final, ""
	case r.Address == r.Final:
		r.Final = ""
	}
	said := untyped(group.get("Diagnostic-Code"))
	if said == "" && (action == "failed" || action == "") {
		said = reply(p.server())
	}
	r.Reason = clip(said)
	if r.Reason == "" {
		r.Reason = status
	}
	switch {
	case action == "delivered":
		r.Kind = channel.Delivered
	case action == "failed", action == "expired",
		action == "" && strings.HasPrefix(status, "5"), action == "" && status == "" && said != "":
		r.Kind, r.Class = channel.Bounced, class(status, said)
	case action == "delayed", action == "" && strings.HasPrefix(status, "4"):
		m.ignore("a delay: the server still tries to deliver the mail")
		return
	case action == "relayed", action == "expanded":
		m.ignore("the mail was handed on (" + action + ")")
		return
	default:
		m.ignore("a report with an action that tabi does not know")
		return
	}
	m.Results = append(m.Results, r)
}

// class returns what a failure means for the address, by the one function that judges that.
func class(status, said string) channel.BounceClass {
	if judge.Status(status, said) == judge.Hard {
		return channel.Hard
	}
	return channel.Soft
}

// complaint reads a report of a feedback loop (ARF, RFC 5965).
func (p *parts) complaint(m *Mail) {
	r := Result{Reason: clip(p.feedback.get("Feedback-Type"))}
	for _, name := range []string{"Original-Rcpt-To", "X-Original-Rcpt-To", "Removal-Recipient"} {
		if r.Address = address(p.feedback.get(name)); r.Address != "" {
			break
		}
	}
	switch kind := strings.ToLower(r.Reason); kind {
	case "abuse", "fraud", "phish", "phishing", "complaint":
		r.Kind = channel.Complained
	case "opt-out", "opt-out-list", "unsubscribe":
		r.Kind = channel.Unsubscribed
	case "not-spam":
		m.ignore("a report that a mail is no spam")
		return
	case "auth-failure", "dmarc":
		m.ignore("a report of a failed authentication")
		return
	default:
		m.ignore("a feedback report of a type other than abuse, fraud, opt-out and not-spam")
		return
	}
	m.Results = append(m.Results, r)
}

// untyped drops the type before a field's value: "rfc822; ana@example.com", "smtp; 550 5.1.1 no such user".
func untyped(value string) string {
	kind, rest, ok := strings.Cut(value, ";")
	if !ok || strings.ContainsAny(strings.TrimSpace(kind), " @<") {
		return strings.TrimSpace(value)
	}
	return strings.TrimSpace(rest)
}

var bare = regexp.MustCompile(mailbox)

// address returns the mail address in a field; empty: there is none.
func address(value string) string {
	value = strings.TrimSpace(value)
	if one, err := mail.ParseAddress(value); err == nil && one.Name == "" {
		value = one.Address
	} else {
		value = bare.FindString(value)
	}
	if one, err := judge.ParseMail(value); err == nil {
		return one.String()
	}
	return ""
}

// clip makes the words of a server one line of a bounded length.
func clip(words string) string {
	words = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(words, " "))), " ")
	if runes := []rune(words); len(runes) > maxReason {
		return string(runes[:maxReason])
	}
	return words
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return word
}
