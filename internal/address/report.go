package address

import (
	"regexp"
	"slices"
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
	"blacklisted": Hard, "blocklisted": Hard,
	"21211": Hard, "21217": Hard, "21614": Hard, "30005": Hard, "30006": Hard,
	"absentsubscriber": Soft, "unreachable": Soft, "30003": Soft,
	// Vonage's numbers: invalid recipient, absent for good, not of the network, no device for text messages, barred
	"vonage1170": Hard, "vonage1190": Hard, "vonage1300": Hard, "vonage1310": Hard, "vonage1050": Hard,
}

// optOuts are the words of providers of text messages that mean that who reads the number has opted out, with the numbers of Twilio and
// Vonage.
var optOuts = map[string]bool{
	"unsubscribed": true, "optedout": true, "optout": true, "unsubscribedrecipient": true, "21610": true, "vonage1240": true,
}

// statuses maps the subject and detail of enhanced codes (RFC 3463) that mean a dead address when they are permanent. All
// others are about the sender, the message, the server or a policy, or pass.
var statuses = map[string]bool{
	"1.0": true, "1.1": true, "1.2": true, "1.3": true, "1.4": true, "1.5": true, "1.6": true, "1.10": true, "2.1": true,
	"1.351": true, // of Exchange: the next server said that there is no such recipient
}

// replies has the replies of SMTP that mean a dead address if the server has no enhanced codes.
var replies = map[int]bool{521: true, 550: true, 551: true, 553: true, 556: true}

var (
	enhancedCode = regexp.MustCompile(`\b([45])\.(\d{1,3})\.(\d{1,3})\b`)
	replyCode    = regexp.MustCompile(`(?:^|[\s;:(])([45]\d\d)\b`)
	notAbout     = regexp.MustCompile(`(?i)relay|polic|spam|block|blacklist|reputation|denied|reject|auth|sender|rate|dns|spf|dmarc|` +
		`quota|full|temporar|try again|later|greylist|timed? ?out|protocol|client ip|mismatch`)
	aboutPolicy = regexp.MustCompile(`(?i)polic|spam|blacklist|block(?:ed|list)|reputation|greylist|spf|dmarc|dkim|at a rate|` +
		`too many|try again`)
	registration = regexp.MustCompile(`(?i)registration token`)

	// unknownUser matches the words by which servers say that there is no such mailbox, with whatever code.
	unknownUser = regexp.MustCompile(`(?i)(?:user|recipient|account|mailbox|address|addressee)(?: \S+)? (?:is |was )?` +
		`(?:unknown|not (?:found|exist)|invalid|` +
		`disabled|does(?: not|n't) exist|doesnt exist|inactive|suspended|no longer (?:available|exists|in use|valid))|` +
		`(?:unknown|invalid|no such|bad|nonexistent) (?:local )?(?:user|recipient|account|mailbox|` +
		`address|addressee|person|destination|to user)|` +
		`(?:not|isn't) (?:a valid|our customer)|(?:does(?: not|n't)|doesnt) (?:exist|` +
		`have (?:an?|any) .{0,30}(?:account|mailbox))|no mailbox here|` +
		`not listed in|can'?t be found|could(?:n't| not) be found|wasn't found|null mx|` +
		`recipient address rejected: access denied|has been (?:disabled|closed|discontinued|suspended)|` +
		`account .{0,30}(?:disabled|closed)|` +
		`宛先(?:不明|が見つかり|が存在)|(?:アドレス|ユーザー?|受信者|メールボックス)` +
		`(?:は|が)?(?:不明|見つかり|存在し|無効|使われて)`)
	// surelyUnknown matches the least that says so whatever the code is. The last is how Exchange Online refuses strangers (5.4.1).
	surelyUnknown = regexp.MustCompile(`(?i)user unknown|unknown user|no such user|recipient address rejected: access denied`)
	// mailboxFull matches the words by which they say that it is full.
	mailboxFull = regexp.MustCompile(`(?i)(?:mailbox|quota|inbox|storage|account|folder).{0,40}` +
		`(?:full|exceed|over|limit|space|size|allot)|` +
		`(?:full|over|exceed\w*|out of|insufficient).{0,40}(?:mailbox|quota|storage|space)|` +
		`メールボックスが?(?:一杯|いっぱい|満杯)|容量(?:を超|不足|オーバー)`)
)

// Word returns the verdict of a provider's word, in any case and with any separators; a code of SMTP is read too. known
// reports whether the word means something to tabi.
func Word(word string) (v Verdict, known bool) {
	if v, known = words[fold(word)]; known {
		return v, true
	}
	v = smtpWords(word)
	return v, v != Unsaid
}

// fold returns a word in lower case, letters and digits only.
func fold(word string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, word)
}

// OptedOut reports whether a provider of text messages means by one of its words that who reads the number has opted out.
func OptedOut(said ...string) bool {
	return slices.ContainsFunc(said, func(word string) bool { return optOuts[fold(word)] })
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

// Status returns what a mail server's report of a failure means (RFC 3464): by the code in the words of the server that refused,
// by the status of the report, and by the words. A general code (5.0.0, 5.2.0) says nothing. What says nothing at all is soft.
func Status(status, said string) Verdict {
	m := enhancedCode.FindStringSubmatch(status)
	if m != nil && m[1] == "4" {
		return Soft // it was given up after a while
	}
	if inside := enhancedCode.FindStringSubmatch(said); inside != nil && !general(inside) {
		m = inside
	}
	unknown := unknownUser.MatchString(said) && !mailboxFull.MatchString(said)
	switch {
	case m != nil && !general(m) && (m[1] == "4" || !statuses[m[2]+"."+m[3]]):
		return verdict(m[1] == "5" && surelyUnknown.MatchString(said)) // some servers have one code for all that they refuse
	case m != nil && !general(m):
		return verdict(unknown || !aboutPolicy.MatchString(said) && !mailboxFull.MatchString(said))
	case mailboxFull.MatchString(said):
		return Soft
	case unknown:
		return Hard
	}
	code := 0
	if reply := replyCode.FindStringSubmatch(said); reply != nil {
		code, _ = strconv.Atoi(reply[1])
	}
	return verdict(replies[code] && !notAbout.MatchString(said))
}

// HasCode reports whether a text has a code of SMTP in it.
func HasCode(text string) bool { return enhancedCode.MatchString(text) || replyCode.MatchString(text) }

// general reports whether an enhanced code names a class and not a cause.
func general(m []string) bool { return m[3] == "0" && (m[2] == "0" || m[2] == "2") }

func verdict(hard bool) Verdict {
	if hard {
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
