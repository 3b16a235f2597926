package smsapi

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/phones"
)

const public = "https://tabi.example.com"

// opener opens the receiver of the provider that the keys are of.
func opener(keys provider.Keys) func(*testing.T, func() time.Time) webhook.Receiver {
	return func(t *testing.T, now func() time.Time) webhook.Receiver {
		t.Helper()
		receivers, _, err := provider.Receivers(Providers(), provider.Env{Keys: keys, Now: now}, public+"/")
		if err != nil || len(receivers) != 1 {
			t.Fatalf("%d receivers: %v", len(receivers), err)
		}
		for _, r := range receivers {
			return r
		}
		return nil
	}
}

// twilioRequest is a webhook of Twilio as it reaches the gateway behind a proxy: the host of the request is not the public one.
func twilioRequest(address string, body []byte) *http.Request {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		form = nil
	}
	r := httptest.NewRequest(http.MethodPost, "http://10.0.0.7:8080/v1/providers/twilio", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Twilio-Signature", phones.TwilioSignature(phones.TwilioToken, address, form))
	return r
}

func TestTwilioReports(t *testing.T) {
	t.Parallel()
	const sid = "SM0123456789abcdef0123456789abcdef"
	status := func(more string) []byte {
		return []byte("SmsSid=" + sid + "&MessageSid=" + sid + "&To=%2B819012345678&From=%2B15005550006" +
			"&AccountSid=" + phones.TwilioAccount + "&ApiVersion=2010-04-01" + more)
	}
	inbound := func(more string) []byte {
		return []byte("ToCountry=US&SmsMessageSid=" + sid + "&NumMedia=0&FromCountry=JP&MessageSid=" + sid + "&SmsSid=" + sid +
			"&SmsStatus=received&To=%2B15005550006&From=%2B819012345678&NumSegments=1&AccountSid=" + phones.TwilioAccount + more)
	}
	of := func(kind channel.ReportKind, status string) channel.Report {
		return channel.Report{Kind: kind, ID: "twilio/" + sid + "/" + status, Channel: "sms", ProviderID: sid, Address: "+819012345678"}
	}
	wrote := func(kind channel.ReportKind, text string) channel.Report {
		return channel.Report{Kind: kind, ID: "twilio/" + sid, Channel: "sms", Address: "+819012345678", Text: text}
	}
	dead, soft, stopped, failed := of(channel.Bounced, "undelivered"), of(channel.Bounced, "undelivered"), of(channel.Blocked, "failed"),
		of(channel.Failed, "failed")
	dead.Class, dead.Reason = channel.Hard, "Twilio: undelivered 30005"
	soft.Class, soft.Reason = channel.Soft, "Twilio: undelivered 30003"
	stopped.Reason, failed.Reason = "Twilio: failed 21610", "Twilio: failed 30007"
	one := func(r channel.Report) []channel.Report { return []channel.Report{r} }
	channeltest.ExerciseReceiver(t, channeltest.Webhook{
		Open: opener(provider.Keys{TwilioToken: phones.TwilioToken}),
		Sign: func(_ *testing.T, body []byte, _ time.Time) *http.Request {
			return twilioRequest(public+"/v1/providers/twilio", body)
		},
		Forge: func(r *http.Request) {
			r.Header.Set("X-Twilio-Signature", phones.TwilioSignature("another-token", public, nil))
		},
		Recorded: []channeltest.Recorded{
			{Name: "delivered", Body: status("&MessageStatus=delivered&RawDlrDoneDate=2612010330"),
				Want: one(of(channel.Delivered, "delivered"))},
			{Name: "unknown handset", Body: status("&MessageStatus=undelivered&ErrorCode=30005"), Want: one(dead)},
			{Name: "unreachable", Body: status("&MessageStatus=undelivered&ErrorCode=30003"), Want: one(soft)},
			{Name: "filtered", Body: status("&MessageStatus=failed&ErrorCode=30007"), Want: one(failed)},
			{Name: "stopped before", Body: status("&MessageStatus=failed&ErrorCode=21610"), Want: one(stopped)},
			{Name: "sent", Body: status("&MessageStatus=sent"), Ignored: 1},
			{Name: "reply", Body: inbound("&Body=%E3%81%AF%E3%81%84"), Want: one(wrote(channel.Replied, "はい"))},
			{Name: "yes is a reply", Body: inbound("&Body=Yes"), Want: one(wrote(channel.Replied, "Yes"))},
			{Name: "stop", Body: inbound("&Body=Stop."), Want: one(wrote(channel.Blocked, "Stop."))},
			{Name: "stop in another language", Body: inbound("&Body=ARRET&OptOutType=STOP"), Want: one(wrote(channel.Blocked, "ARRET"))},
			{Name: "start", Body: inbound("&Body=YES&OptOutType=START"), Want: one(wrote(channel.Followed, "YES"))},
			{Name: "stop within a sentence", Body: inbound("&Body=do+not+stop"), Want: one(wrote(channel.Replied, "do not stop"))},
			{Name: "help", Body: inbound("&Body=HELP&OptOutType=HELP"), Ignored: 1},
			{Name: "picture without text", Body: inbound("&Body="), Ignored: 1},
		},
		SignsBody: true,
		Unknown:   status("&MessageStatus=partially_delivered"),
	})
}

func TestTwilioSignsTheURLWithOrWithoutPort(t *testing.T) {
	t.Parallel()
	r := opener(provider.Keys{TwilioToken: phones.TwilioToken})(t, time.Now)
	body := []byte("MessageSid=SM1&MessageStatus=delivered&To=%2B819012345678")
	for address, valid := range map[string]bool{
		public + "/v1/providers/twilio": true, public + ":443/v1/providers/twilio": true, public + ":8443/v1/providers/twilio": false,
		"http://10.0.0.7:8080/v1/providers/twilio": false,
	} {
		if _, err := r.Receive(twilioRequest(address, body), body); (err == nil) != valid {
			t.Errorf("%s: %v", address, err)
		}
	}
	// The example of Twilio's documentation: https://www.twilio.com/docs/usage/security
	form := url.Values{"Digits": {"1234"}, "To": {"+18005551212"}, "From": {"+14158675310"}, "Caller": {"+14158675310"},
		"CallSid": {"CA1234567890ABCDE"}}
	if !twilioSigned([]byte("12345"), "https://example.com/myapp.php", "foo=1&bar=2", "L/OH5YylLD5NRKLltdqwSvS0BnU=", form) {
		t.Error("the example of the documentation is refused")
	}
}

func TestVonageReports(t *testing.T) {
	t.Parallel()
	const id, secret = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab", "vonage-signature-secret"
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	status := func(status, more string) []byte {
		return []byte(`{"message_uuid":"` + id + `","to":"819012345678","from":"Shop","timestamp":"2026-03-02T10:00:00Z",` +
			`"status":"` + status + `","client_ref":"e1/text/1","channel":"sms",` +
			`"usage":{"currency":"EUR","price":"0.0333"},"sms":{"count_total":"2"}` + more + `}`)
	}
	inbound := func(text string) []byte {
		return []byte(`{"channel":"sms","message_uuid":"` + id + `","to":"447700900000","from":"819012345678",` +
			`"timestamp":"2026-03-02T10:00:00Z","text":"` + text + `","message_type":"text",` +
			`"sms":{"num_messages":"1","keyword":"X"},"usage":{"price":"0.00","currency":"EUR"}}`)
	}
	problem := func(code, detail string) string {
		return `,"error":{"type":"https://developer.vonage.com/api-errors/messages#` + code + `","title":` + code +
			`,"detail":"` + detail + `","instance":"x"}`
	}
	of := func(kind channel.ReportKind, status string) channel.Report {
		return channel.Report{Kind: kind, ID: "vonage/" + id + "/" + status, Channel: "sms", Key: "e1/text/1", ProviderID: id,
			Address: "+819012345678", At: at}
	}
	wrote := func(kind channel.ReportKind, text string) channel.Report {
		return channel.Report{Kind: kind, ID: "vonage/" + id, Channel: "sms", Address: "+819012345678", At: at, Text: text}
	}
	dead, stopped, failed := of(channel.Bounced, "rejected"), of(channel.Blocked, "rejected"), of(channel.Failed, "undeliverable")
	dead.Class, dead.Reason = channel.Hard, "Vonage: rejected 1190 Absent Subscriber Permanent"
	stopped.Reason, failed.Reason = "Vonage: rejected 1240 Illegal Number", "Vonage: undeliverable 1330 Unknown"
	one := func(r channel.Report) []channel.Report { return []channel.Report{r} }
	channeltest.ExerciseReceiver(t, channeltest.Webhook{
		Open: opener(provider.Keys{VonageSignature: secret}),
		Sign: func(t *testing.T, body []byte, at time.Time) *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/v1/providers/vonage", bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+phones.VonageToken(t, secret, at, body))
			return r
		},
		Forge: func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+phones.VonageToken(t, "another-secret", time.Now(), nil))
		},
		Recorded: []channeltest.Recorded{
			{Name: "delivered", Body: status("delivered", ""), Want: one(of(channel.Delivered, "delivered"))},
			{Name: "no longer active", Body: status("rejected", problem("1190", "Absent Subscriber Permanent")), Want: one(dead)},
			{Name: "stopped before", Body: status("rejected", problem("1240", "Illegal Number")), Want: one(stopped)},
			{Name: "failed", Body: status("undeliverable", problem("1330", "Unknown")), Want: one(failed)},
			{Name: "submitted", Body: status("submitted", ""), Ignored: 1},
			{Name: "reply", Body: inbound("はい"), Want: one(wrote(channel.Replied, "はい"))},
			{Name: "stop", Body: inbound("STOP"), Want: one(wrote(channel.Blocked, "STOP"))},
			{Name: "start", Body: inbound("start"), Want: one(wrote(channel.Followed, "start"))},
			{Name: "another channel", Body: []byte(`{"message_uuid":"x","channel":"viber_service","status":"delivered"}`), Ignored: 1},
		},
		SignsBody: true, SignsTime: true,
		Unknown: status("parked", ""),
	})
}
