package bounce

import (
	"regexp"
	"strings"

	"github.com/tabi-journeys/tabi/channel"
	judge "github.com/tabi-journeys/tabi/internal/address"
)

// Servers that do not write delivery reports say in words what became of a mail: qmail (QSBMF), older Exim and Exchange, Gmail,
// and those of Japanese carriers.

// copied matches the line after which such a mail has the original.
var copied = regexp.MustCompile(`(?im)^[-=* ]*(?:below this line is a copy of|this is a copy of|` +
	`included (?:here )?is a copy|original message|` +
	`returned message|unsent message|your message follows|the (?:original|unsent) message|message (?:header|headers) follow|` +
	`original headers|body of message|non-delivered information|元のメッセージ|送信したメール|送信メール)[^\n]{0,80}$|^-{20,}\s*$`)

// failing matches what such mails are called, or begin with.
var failing = regexp.MustCompile(`(?i)undeliver|mail failed|returning to sender|not delivered|non[- ]delivery|` +
	`delivery (?:status|fail|problem|error)|returned (?:mail|message)|` +
	`mail (?:delivery|system|returned|error)|failure notice|delivery has failed|could(?: not|n't) be (?:delivered|sent)|` +
	`(?:wasn't|was not|unable to|cannot|could not|couldn't) (?:be )?(?:able to )?(?:be )?deliver|` +
	`permanent (?:fatal )?error|` +
	`rejected by|did not reach|` +
	`メールエラー|エラー通知|配信(?:でき|不能|エラー|失敗|不可)|送信(?:でき|エラー|失敗)|届(?:き|け)ません|配達(?:でき|不能)|不達|宛先不明|戻り`)

// waiting matches what a server says while it still tries.
var waiting = regexp.MustCompile(`(?i)\bdelayed\b|still (?:being )?(?:trying|retried)|` +
	`will (?:keep |continue )?(?:to )?(?:try|be retried|retry)|` +
	`warning (?:message|: could not|: message)|not yet been delivered|delay notification|遅延|再送(?:し|を)`)

// final matches what it says when it has given up, whatever else it says.
var final = regexp.MustCompile(`(?i)permanent|given up|giving up|gave up|could not be delivered|failed permanently`)

// automatic matches the subjects of auto-replies.
var automatic = regexp.MustCompile(`(?i)out of (?:the )?office|auto(?:matic|mated)?[- ]?(?:reply|response|replied)|on vacation|away from|` +
	`abwesenheit|absence|不在|自動(?:返信|応答|送信)|休暇`)

// mailbox matches an address.
const mailbox = `(?:"[^"\s]{1,64}"|[^\s<>@"'(),:;]{1,64})@[^\s<>@"'(),:;]{1,255}`

// lineAddress matches an address where such mails name the recipients: alone or first on a line, or after "to".
var lineAddress = regexp.MustCompile(`(?im)^[ \t>*-]*(?:to:|recipient(?: address)?s?:|宛先[:：]?)?[ \t]*<?(` +
	mailbox + `)>?[:：;,. \t]*(?:\s|$)`)

// anyAddress matches an address in angle brackets.
var anyAddress = regexp.MustCompile(`<(` + mailbox + `)>`)

// machine reports whether a mail server wrote the mail: it has no sender to answer to, or calls itself so.
func (p *parts) machine() bool {
	if path, ok := p.head["Return-Path"]; ok && strings.Trim(path[0], "<> ") == "" {
		return true
	}
	from := strings.ToLower(p.head.get("From") + " " + p.head.get("Return-Path") + " " + p.head.get("Sender"))
	for _, name := range []string{"mailer-daemon", "postmaster", "mail-daemon", "mail delivery", "no-reply@", "mailerdaemon"} {
		if strings.Contains(from, name) {
			return true
		}
	}
	return false
}

// server returns what the mail says before the copy of the original.
func (p *parts) server() string {
	texts := p.text
	if strings.TrimSpace(strings.Join(texts, "")) == "" {
		texts = p.html
	}
	text := strings.ReplaceAll(strings.Join(texts, "\n"), "\r\n", "\n")
	for _, at := range copied.FindAllStringIndex(text, -1) {
		if strings.TrimSpace(text[:at[0]]) != "" && at[0] > 40 {
			return text[:at[0]]
		}
	}
	return text
}

// reply returns a server's reply in a text: from the line with its code to the next blank one. Empty: there is none.
func reply(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case line == "" && len(out) > 0:
			return strings.Join(out, "\n")
		case len(out) > 0, judge.HasCode(line):
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// words reads a mail of a server that writes no delivery reports.
func (p *parts) words(m *Mail) {
	subject := decoded(p.head.get("Subject"))
	text := p.server()
	failed := p.head.has("X-Failed-Recipients")
	auto := strings.ToLower(firstWord(strings.TrimRight(p.head.get("Auto-Submitted"), ";")))
	switch {
	case failed:
	case automatic.MatchString(subject), p.head.has("X-Autoreply"), p.head.has("X-Autorespond"),
		strings.EqualFold(p.head.get("Precedence"), "auto_reply"), strings.HasPrefix(auto, "auto-replied") && !p.machine(),
		auto == "auto-notified":
		m.ignore("an automatic reply")
		return
	case !failing.MatchString(subject) && !failing.MatchString(text), !p.machine() && !failing.MatchString(subject):
		if auto != "" && auto != "no" {
			m.ignore("an automatic mail that is no bounce")
		}
		return
	}
	if waiting.MatchString(subject+"\n"+text) && !final.MatchString(text) {
		m.ignore("a delay: the server still tries to deliver the mail")
		return
	}
	found := p.failedRecipients(text)
	if len(found) == 0 {
		found = []string{""} // the proof says which mail it is, and that has one recipient
	}
	for _, one := range found {
		said := about(text, one, found)
		if short := reply(said); short != "" {
			said = short
		}
		m.Results = append(m.Results, Result{Kind: channel.Bounced, Class: class("", said), Address: one, Reason: clip(said)})
	}
}

// failedRecipients returns the recipients that a text names.
func (p *parts) failedRecipients(text string) (found []string) {
	add := func(list ...string) {
		for _, one := range list {
			one = address(one)
			known := one == ""
			for _, other := range found {
				known = known || other == one
			}
			for _, mine := range own { // it was written to us: a text may name the sender too
				known = known || one != "" && strings.Contains(p.head.get(mine), one)
			}
			if !known && len(found) < maxRecipients {
				found = append(found, one)
			}
		}
	}
	for _, list := range p.head["X-Failed-Recipients"] {
		add(strings.Split(list, ",")...)
	}
	if len(found) > 0 {
		return found
	}
	for _, at := range lineAddress.FindAllStringSubmatch(text, maxEvidence) {
		add(at[1])
	}
	if len(found) > 0 {
		return found
	}
	for _, at := range anyAddress.FindAllStringSubmatch(text, maxEvidence) {
		add(at[1])
	}
	return found
}

// about returns what a text says of one of several recipients: from its name to that of the next.
func about(text, one string, all []string) string {
	if one == "" || len(all) == 1 {
		return text
	}
	at := strings.Index(text, one)
	if at < 0 {
		return text
	}
	said := text[at:]
	for _, other := range all {
		if other == one {
			continue
		}
		if end := strings.Index(said, other); end > 0 {
			said = said[:end]
		}
	}
	return said
}
