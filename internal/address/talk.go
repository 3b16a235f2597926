package address

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// Ids of LINE: of a user, and of what tabi does not send to. In the console of a channel and in webhooks they have these forms.
var (
	lineUser  = regexp.MustCompile(`^U[0-9a-fA-F]{32}$`)
	lineOther = regexp.MustCompile(`^([CR])[0-9a-fA-F]{32}$`)
)

// IsLineID reports whether a text has the form of a user id of LINE: U and 32 hexadecimal digits.
func IsLineID(text string) bool { return lineUser.MatchString(text) }

// judgeLineID accepts user ids of LINE, the digits in small letters. Other texts without blanks are kept as they are, so that scenarios
// can use short ones: the channel refuses them. What is surely something else is refused here: the id of a group or a room, and
// the name by which people look an account up.
func judgeLineID(text string) (Address, error) {
	text = strings.TrimSpace(text)
	switch {
	case lineUser.MatchString(text):
		text = "U" + strings.ToLower(text[1:])
		return Address{Text: text, Key: text}, nil
	case lineOther.MatchString(text):
		return Address{}, errors.New("is the id of a group or a room of LINE, not of a user")
	case strings.HasPrefix(text, "@"):
		return Address{}, errors.New("is the name of an account of LINE; the id of a user is U and 32 hexadecimal digits, as in webhooks")
	case strings.ContainsAny(text, " \t"):
		return Address{}, errors.New("is not an id of LINE: it has a blank in it")
	}
	return judgeToken(LineID, text)
}

// A Subscription is a browser's subscription to web push, as PushSubscription.toJSON() writes it.
type Subscription struct {
	Endpoint string           `json:"endpoint"`
	Keys     SubscriptionKeys `json:"keys"`
}

// SubscriptionKeys are the keys that a message to a browser is encrypted by, in base64url.
type SubscriptionKeys struct {
	Auth   string `json:"auth"`
	P256dh string `json:"p256dh"`
}

// judgeSubscription accepts the JSON of a subscription. The key is its endpoint: browsers that renew the keys keep it.
func judgeSubscription(text string) (Address, error) {
	if text = strings.TrimSpace(text); text == "" {
		return Address{}, errors.New("is empty")
	}
	var s Subscription
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Address{}, errors.New("is not a subscription of a browser: {endpoint, keys: {p256dh, auth}}")
	}
	s.Endpoint = strings.TrimSpace(s.Endpoint)
	u, err := url.Parse(s.Endpoint)
	switch {
	case s.Endpoint == "":
		return Address{}, errors.New("is a subscription without an endpoint")
	case err != nil, u.Scheme != "https", u.Host == "":
		return Address{}, errors.New("is a subscription whose endpoint is not an https address")
	case s.Keys.P256dh == "" || s.Keys.Auth == "":
		return Address{}, errors.New("is a subscription without keys.p256dh and keys.auth, by which messages are encrypted")
	}
	out, err := json.Marshal(s)
	if err != nil {
		return Address{}, errors.New("is a subscription that cannot be written")
	}
	return Address{Text: string(out), Key: s.Endpoint}, nil
}
