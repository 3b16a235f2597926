package channels

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/smsapi"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
)

// twilio sends by the Messages resource of Twilio's REST API (2010-04-01). It knows no idempotency keys: a message whose outcome is
// unknown is repeated only if it is transactional.
// https://www.twilio.com/docs/messaging/api/message-resource
type twilio struct {
	url            string
	user, password string
	sender         [2]string // From or MessagingServiceSid, and its value
	callback       string
}

const twilioAPI = "https://api.twilio.com"

// openTwilio reads twilio://ACCOUNT_SID?from=NUMBER or ?service=MESSAGING_SERVICE_SID.
func openTwilio(cfg Config, u *url.URL) (smsProvider, error) {
	account := u.Host
	if !strings.HasPrefix(account, "AC") {
		return nil, variable("TABI_SMS_URL", "the account's SID, which begins with AC, must follow twilio://")
	}
	t := &twilio{user: account, password: cfg.Keys[smsapi.TwilioToken], callback: reportsTo(cfg, "twilio")}
	if key := cfg.Keys[smsapi.TwilioKey]; key != "" {
		sid, secret, found := strings.Cut(key, ":")
		if !found || !strings.HasPrefix(sid, "SK") || secret == "" {
			return nil, variable(smsapi.TwilioKey, "must be an API key as SK…:SECRET")
		}
		t.user, t.password = sid, secret
	}
	if t.password == "" {
		return nil, variable(smsapi.TwilioToken, "must be set with TABI_SMS_URL=twilio://…, or %s", smsapi.TwilioKey)
	}
	from, service := smsSender(u), u.Query().Get("service")
	switch {
	case service != "" && from != "":
		return nil, variable("TABI_SMS_URL", "give either from= or service=, not both")
	case service != "":
		if !strings.HasPrefix(service, "MG") {
			return nil, variable("TABI_SMS_URL", "service= is the SID of a messaging service, which begins with MG")
		}
		t.sender = [2]string{"MessagingServiceSid", service}
	case from != "":
		t.sender = [2]string{"From", from}
	default:
		return nil, variable("TABI_SMS_URL", "give ?from=+15005550006, or ?service=MG…: who the messages are from")
	}
	base, err := smsBase(u, twilioAPI)
	t.url = base + "/2010-04-01/Accounts/" + url.PathEscape(account) + "/Messages.json"
	return t, err
}

func (t *twilio) dedupes() bool { return false }

func (t *twilio) request(to string, m channel.Message) (string, http.Header, []byte, error) {
	form := url.Values{"To": {to}, "Body": {m.Fields["text"]}, t.sender[0]: {t.sender[1]}}
	if t.callback != "" {
		form.Set("StatusCallback", t.callback)
	}
	r := http.Request{Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}}
	r.SetBasicAuth(t.user, t.password)
	return t.url, r.Header, []byte(form.Encode()), nil
}

// Codes of Twilio that are about neither the number nor the text: a correction of the settings or the account helps.
// https://www.twilio.com/docs/api/errors
var twilioSettings = []int{
	20003, 20005, 20006, 20404, // credentials, account
	21212, 21603, 21606, 21659, 21660, 21701, 21703, 21704, 21910, // the sender
	21609, // the address of the callback
}

func (t *twilio) receipt(a *answer, m channel.Message) channel.Receipt {
	var said struct {
		SID     string `json:"sid"`
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	readable := json.Unmarshal(a.body, &said) == nil
	if a.status/100 == 2 {
		if !readable || said.SID == "" {
			return channel.Receipt{Outcome: channel.Unknown, Reason: "Twilio accepted it, but its answer cannot be read"}
		}
		return channel.Receipt{Outcome: channel.Sent, ProviderID: oneLine(said.SID)}
	}
	r := smsFailure(a, fmt.Sprintf("Twilio: %d %d %s", a.status, said.Code, said.Message), m.Address)
	code := strconv.Itoa(said.Code)
	switch {
	case said.Code == 0 && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden),
		slices.Contains(twilioSettings, said.Code):
		r.Outcome = channel.NotSent
		r.Reason += "; are TABI_SMS_URL and " + smsapi.TwilioToken + " right?"
	case r.Outcome != channel.Refused:
	case address.OptedOut(code):
		r.OptedOut = true
	case address.SMS(a.status, code) == address.Hard:
		r.Gone = true
	}
	return r
}

// errNoSender says that a provider needs to know who messages are from.
var errNoSender = errors.New("give ?from=: the number or name that the messages are from")
