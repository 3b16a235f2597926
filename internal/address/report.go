package address

import (
	"regexp"
	"strconv"
	"strings"
)

// A Verdict says what a report or a refusal means for the address.
type Verdict int

// The verdicts.
const (
	Unsaid Verdict = iota // nothing was said about it
	Soft                  // it may work later, or the message was refused and not the address
	Hard                  // it is dead
)

// words maps what providers call a bounce or a refusal to its verdict, in lower case, letters and digits only. Words that
// are not listed are soft.
var words = map[string]Verdict{
	// the kind of a bounce
	"bounce": Unsaid, "bounced": Unsaid, "failed": Unsaid, "failure": Unsaid, "": Unsaid,
	"hard": Hard, "permanent": Hard, "hardbounce": Hard, "permanentfailure": Hard, "permanentfail": Hard,
	"general": Unsaid, "noemail": Hard, "suppressed": Hard, "onaccountsuppressionlist": Hard, // Amazon SES
	"bademailaddress": Hard, "invalidemail": Hard, "invalidrecipient": Hard, "invalidmailbox": Hard, "unknownuser": Hard,
	"usernotfound": Hard, "userunknown": Hard, "nosuchuser": Hard, "nosuchmailbox": Hard, "mailboxdisabled": Hard,
	"recipientnotfound": Hard, "nonexistent": Hard, "invaliddomain": Hard, "inactive": Hard, "gone": Hard, "dead": Hard,
	"soft": Soft, "transient": Soft, "temporary": Soft, "softbounce": Soft, "temporaryfailure": Soft, "temporaryfail": Soft,
	"undetermined": Soft, "block": Soft, "blocked": Soft, "deferred": Soft, "deferral": Soft, "delayed": Soft, "throttled": Soft,
	"mailboxfull": Soft, "full": Soft, "overquota": Soft, "quota": Soft, "dnserror": Soft, "policy": Soft, "spam": Soft,
	"content": Soft, "contentrejected": Soft, "attachmentrejected": Soft, "messagetoolarge": Soft, "greylisted": Soft,
	"timeout": Soft, "autoresponder": Soft, "autoreply": Soft, "outofoffice": Soft, "challengeverification": Soft,
	// push: FCM, its former API, APNs
	"unregistered": Hard, "notregistered": Hard, "invalidregistration": Hard, "senderidmismatch": Hard, "mismatchsenderid": Hard,
	"baddevicetoken": Hard, "devicetokennotfortopic": Hard, "expiredtoken": Hard, "invalidregistrationtoken": Hard,
	"registrationtokennotregistered": Hard,
	// text messages: words, and Twilio's numbers
	"invalidnumber": Hard, "invalidphonenumber": Hard, "invalidto": Hard, "invaliddestination": Hard, "invalidmsisdn": Hard,
	"unknownsubscriber": Hard, "unknownnumber": Hard, "unallocatednumber": Hard, "numberdead": Hard, "deadnumber": Hard,
	"notamobile": Hard, "notmobile": Hard, "notamobilenumber": Hard, "landline": Hard, "deactivated": Hard, "disconnected": Hard,
	"unsubscribed": Hard, "optedout": Hard, "optout": Hard, "blacklisted": Hard, "blocklisted": Hard,
	"21211": Hard, "21217": Hard, "21610": Hard, "21614": Hard, "30005": Hard, "30006": Hard,
	"absentsubscriber": Soft, "unreachable": Soft, "30003": Soft,
}

// statuses maps the subject and detail of enhanced codes (RFC 3463) that mean a dead address when they are permanent. All
// others are about the sender, the message, the server or a policy, or pass.
var statuses = map[string]bool{
	"1.0": true, "1.1": true, "1.2": true, "1.3": true, "1.4": true, "1.5": true, "1.6": true, "1.10": true, "2.1": true,
}

// replies has the replies of SMTP that mean a dead address if the server has no enhanced codes.
var replies = map[int]bool{521: true, 550: true, 551: true, 553: true, 556: true}

var (
	enhancedCode = regexp.MustCompile(`\b([45])\.(\d{1,3})\.(\d{1,3})\b`)
	replyCode    = regexp.MustCompile(`(?:^|[\s;:(])([45]\d\d)\b`)
	notAbout     = regexp.MustCompile(`(?i)relay|polic|spam|block|blacklist|reputation|denied|reject|auth|sender|rate|dns|spf|dmarc|` +
		`quota|full|temporar|try again|later|greylist|timed? ?out`)
	registration = regexp.MustCompile(`(?i)registration token`)
)

// Word returns the verdict of a provider's word, in any case and with any separators; a code of SMTP is read too. known
// reports whether the word means something to tabi.
func Word(word string) (v Verdict, known bool) {
	folded := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, word)
	if v, known = words[folded]; known {
		return v, true
	}
	v = smtpWords(word)
	return v, v != Unsaid
}

// Bounce returns whether a report that a mail bounced is hard: by permanent, which is true, false or something else; by
// the kind, which is a provider's word; or by the codes in the reason. A report that says nothing of this is hard, since
// that is what mail providers mean by a bounce alone. A kind that tabi does not know is soft.
func Bounce(kind string, permanent any, reason string) Verdict {
	switch permanent {
	case true, "true":
		return Hard
	case false, "false":
		return Soft
	}
	v, known := Word(kind)
	if v != Unsaid {
		return v
	}
	if v = smtpWords(reason); v != Unsaid {
		return v
	}
	if !known || notAbout.MatchString(reason) {
		return Soft
	}
	return Hard
}

// smtpWords reads the first code of SMTP in a text.
func smtpWords(text string) Verdict {
	code := 0
	if m := replyCode.FindStringSubmatch(text); m != nil {
		code, _ = strconv.Atoi(m[1])
	}
	if code == 0 && !enhancedCode.MatchString(text) {
		return Unsaid
	}
	return SMTP(code, text)
}

// SMTP returns what a server's refusal of a recipient means. code is 0 where only the text is known. The enhanced code
// counts; without one a bare 550, 551 or 553 means the address, unless its text is about a policy.
func SMTP(code int, text string) Verdict {
	if m := enhancedCode.FindStringSubmatch(text); m != nil {
		if m[1] == "5" && statuses[m[2]+"."+m[3]] {
			return Hard
		}
		return Soft
	}
	if replies[code] && !notAbout.MatchString(text) {
		return Hard
	}
	return Soft
}

// FCM returns what a refusal of Firebase Cloud Messaging means for the device's token. INVALID_ARGUMENT is said of a
// malformed token and of a malformed message; only the text tells them apart.
func FCM(status int, code, text string) Verdict {
	v, _ := Word(code)
	switch {
	case v == Hard, status == 404 && code == "NOT_FOUND", code == "INVALID_ARGUMENT" && registration.MatchString(text):
		return Hard
	}
	return Soft
}

// SMS returns what a provider of text messages means by a refusal: a status of HTTP, and the words of its body. 410 is a
// dead number.
func SMS(status int, said ...string) Verdict {
	if status == 410 {
		return Hard
	}
	for _, word := range said {
		if v, _ := Word(word); v == Hard && status/100 == 4 && status != 401 && status != 403 {
			return Hard
		}
	}
	return Soft
}
