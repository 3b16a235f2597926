package channels_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/phones"
)

func textTo(number string) channel.Message {
	return channel.Message{Key: "e1/text/1", Address: number, Fields: map[string]string{"text": "荷物が届きました 🎉"}}
}

func twilioConfig(s *phones.Server) channels.Config {
	return channels.Config{
		SMSURL: "twilio://" + phones.TwilioAccount + "?from=" + phones.TwilioFrom + "&api=" + url.QueryEscape(s.URL),
		Keys:   map[string]string{"TABI_TWILIO_AUTH_TOKEN": phones.TwilioToken}, PublicURL: "https://tabi.example.com",
	}
}

func vonageConfig(s *phones.Server) channels.Config {
	return channels.Config{
		SMSURL: "vonage://" + phones.VonageKey + "?from=Shop&api=" + url.QueryEscape(s.URL),
		Keys:   map[string]string{"TABI_VONAGE_API_SECRET": phones.VonageSecret}, PublicURL: "https://tabi.example.com",
	}
}

// exerciseSMS runs the conformance suite on a provider of text messages, which knows no ledger keys.
func exerciseSMS(t *testing.T, s *phones.Server, cfg channels.Config, refusal string) {
	channeltest.Exercise(t, channeltest.Provider{
		Open:       func(t *testing.T) channel.Channel { return open(t, "sms", cfg) },
		Message:    textTo("+81 90-1234-5678"),
		Refuse:     func() { s.Fail(phones.Fault{Status: 400, Body: refusal}) },
		NotNow:     func() { s.Fail(phones.Fault{Status: 429, Body: "{}"}) },
		LoseAnswer: func() { s.Fail(phones.Fault{Drop: true}) },
		Hang:       func() { s.Fail(phones.Fault{Hang: true}) },
		Hung:       s.Hung, Clear: s.Clear,
	})
}

func TestTwilioConforms(t *testing.T) {
	t.Parallel()
	s := phones.Twilio(t)
	exerciseSMS(t, s, twilioConfig(s), `{"code":21617,"message":"The concatenated message body exceeds the 1600 character limit"}`)
}

func TestVonageConforms(t *testing.T) {
	t.Parallel()
	s, _ := phones.Vonage(t)
	exerciseSMS(t, s, vonageConfig(s), `{"type":"https://developer.vonage.com/api-errors/messages#1020","title":"Invalid params"}`)
}

func TestTwilioContent(t *testing.T) {
	t.Parallel()
	s := phones.Twilio(t)
	c := open(t, "sms", twilioConfig(s))
	m := textTo("+81 90-1234-5678")
	m.Fields["text"] = strings.Repeat("あ", 71)
	r := c.Send(t.Context(), m)
	if r.Outcome != channel.Sent || !strings.HasPrefix(r.ProviderID, "SM") || r.Segments != 2 {
		t.Fatalf("got %+v", r)
	}
	if c.Dedupes() {
		t.Error("Twilio drops no repeats")
	}
	got := s.Messages()[0].Fields
	if got["To"] != "+819012345678" || got["From"] != phones.TwilioFrom || got["Body"] != m.Fields["text"] ||
		got["StatusCallback"] != "https://tabi.example.com/v1/providers/twilio" {
		t.Errorf("got %v", got)
	}
	cfg := twilioConfig(s)
	cfg.SMSURL = strings.Replace(cfg.SMSURL, "from="+phones.TwilioFrom, "service=MG0123", 1)
	cfg.PublicURL = "http://127.0.0.1:8080"
	if r := open(t, "sms", cfg).Send(t.Context(), m); r.Outcome != channel.Sent {
		t.Fatalf("got %+v", r)
	}
	if got := s.Messages()[1].Fields; got["MessagingServiceSid"] != "MG0123" || got["From"] != "" || got["StatusCallback"] != "" {
		t.Errorf("got %v", got)
	}
}

func TestVonageContent(t *testing.T) {
	t.Parallel()
	s, private := phones.Vonage(t)
	cfg := vonageConfig(s)
	app := cfg
	app.SMSURL = strings.Replace(cfg.SMSURL, phones.VonageKey, phones.VonageApplication, 1)
	app.Keys = map[string]string{"TABI_VONAGE_PRIVATE_KEY": private}
	for i, cfg := range []channels.Config{cfg, app} {
		m := textTo("+81 90-1234-5678")
		if r := open(t, "sms", cfg).Send(t.Context(), m); r.Outcome != channel.Sent || r.ProviderID == "" || r.Segments != 1 {
			t.Fatalf("got %+v", r)
		}
		got := s.Messages()[i].Fields
		if got["to"] != "819012345678" || got["from"] != "Shop" || got["text"] != m.Fields["text"] || got["client_ref"] != m.Key ||
			got["webhook_url"] != "https://tabi.example.com/v1/providers/vonage" {
			t.Errorf("got %v", got)
		}
	}
	long := textTo("+819012345678")
	long.Key = strings.Repeat("k", 120)
	if r := open(t, "sms", cfg).Send(t.Context(), long); r.Outcome != channel.Sent {
		t.Errorf("a long key: %+v", r)
	}
}

func TestTextsReadProvidersCodes(t *testing.T) {
	t.Parallel()
	type want struct {
		outcome        channel.Outcome
		gone, optedOut bool
		retry          time.Duration
	}
	refused, later, unknown := want{outcome: channel.Refused}, want{outcome: channel.NotSent}, want{outcome: channel.Unknown}
	dead, out := want{channel.Refused, true, false, 0}, want{channel.Refused, false, true, 0}
	slow := want{channel.NotSent, false, false, 7 * time.Second}
	after := map[string]string{"Retry-After": "7"}
	twilio := phones.Twilio(t)
	vonage, _ := phones.Vonage(t)
	toTwilio, toVonage := twilioConfig(twilio), vonageConfig(vonage)
	problem := func(code string) string {
		return `{"type":"https://developer.vonage.com/api-errors/messages#` + code + `","title":"A title","detail":"A detail."}`
	}
	code := func(n string) string { return `{"code":` + n + `,"message":"A message","status":400}` }
	const badTo = `{"title":"Invalid params","invalid_parameters":[{"name":"to","reason":"Invalid MSISDN"}]}`
	for name, test := range map[string]struct {
		s     *phones.Server
		cfg   channels.Config
		fault phones.Fault
		want  want
	}{
		"twilio, no such number":         {twilio, toTwilio, phones.Fault{Status: 400, Body: code("21211")}, dead},
		"twilio, no mobile":              {twilio, toTwilio, phones.Fault{Status: 400, Body: code("21614")}, dead},
		"twilio, stopped":                {twilio, toTwilio, phones.Fault{Status: 400, Body: code("21610")}, out},
		"twilio, region not enabled":     {twilio, toTwilio, phones.Fault{Status: 400, Body: code("21408")}, refused},
		"twilio, too long":               {twilio, toTwilio, phones.Fault{Status: 400, Body: code("21617")}, refused},
		"twilio, sender is not ours":     {twilio, toTwilio, phones.Fault{Status: 400, Body: code("21606")}, later},
		"twilio, wrong token":            {twilio, toTwilio, phones.Fault{Status: 401, Body: code("20003")}, later},
		"twilio, account unknown":        {twilio, toTwilio, phones.Fault{Status: 404, Body: code("20404")}, later},
		"twilio, too many":               {twilio, toTwilio, phones.Fault{Status: 429, Body: code("20429"), Header: after}, slow},
		"twilio, unavailable":            {twilio, toTwilio, phones.Fault{Status: 503, Body: code("20503")}, later},
		"twilio, internal error":         {twilio, toTwilio, phones.Fault{Status: 500, Body: "oops"}, unknown},
		"twilio, accepted, no JSON":      {twilio, toTwilio, phones.Fault{Status: 201, Body: "<html>"}, unknown},
		"vonage, no such number":         {vonage, toVonage, phones.Fault{Status: 422, Body: problem("1170")}, dead},
		"vonage, no longer active":       {vonage, toVonage, phones.Fault{Status: 422, Body: problem("1190")}, dead},
		"vonage, stopped":                {vonage, toVonage, phones.Fault{Status: 422, Body: problem("1240")}, out},
		"vonage, invalid text":           {vonage, toVonage, phones.Fault{Status: 422, Body: problem("1020")}, refused},
		"vonage, wrong secret":           {vonage, toVonage, phones.Fault{Status: 401, Body: problem("")}, later},
		"vonage, no credit":              {vonage, toVonage, phones.Fault{Status: 402, Body: problem("1070")}, later},
		"vonage, throttled":              {vonage, toVonage, phones.Fault{Status: 429, Body: problem("1000"), Header: after}, slow},
		"vonage, internal error":         {vonage, toVonage, phones.Fault{Status: 500, Body: problem("1030")}, unknown},
		"vonage, accepted, but no id":    {vonage, toVonage, phones.Fault{Status: 202, Body: "{}"}, unknown},
		"vonage, the recipient is wrong": {vonage, toVonage, phones.Fault{Status: 422, Body: badTo}, dead},
	} {
		t.Run(name, func(t *testing.T) { // the cases share the servers' faults
			test.s.Fail(test.fault)
			m := textTo("+819012345678")
			r := open(t, "sms", test.cfg).Send(t.Context(), m)
			test.s.Clear()
			if got := (want{r.Outcome, r.Gone, r.OptedOut, r.RetryAfter}); got != test.want {
				t.Errorf("got %+v, want %+v", r, test.want)
			}
			if r.Busy != (r.RetryAfter > 0) || strings.Contains(r.Reason, "819012345678") || r.Segments != 0 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestTextsNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	token := map[string]string{"TABI_TWILIO_AUTH_TOKEN": "x"}
	for _, test := range []struct {
		cfg  channels.Config
		want string
	}{
		{channels.Config{SMSURL: "twilio://AC1?from=+1555"}, "TABI_TWILIO_AUTH_TOKEN"},
		{channels.Config{SMSURL: "twilio://AC1", Keys: token}, "?from="},
		{channels.Config{SMSURL: "twilio://shop?from=+1555", Keys: token}, "AC"},
		{channels.Config{SMSURL: "twilio://AC1?from=+1&service=MG1", Keys: token}, "not both"},
		{channels.Config{SMSURL: "twilio://AC1?from=+1", Keys: map[string]string{"TABI_TWILIO_API_KEY": "secret"}}, "TABI_TWILIO_API_KEY"},
		{channels.Config{SMSURL: "vonage://k?from=Shop"}, "TABI_VONAGE_API_SECRET"},
		{channels.Config{SMSURL: "vonage://k", Keys: map[string]string{"TABI_VONAGE_API_SECRET": "x"}}, "?from="},
		{
			channels.Config{SMSURL: "vonage://k?from=Shop", Keys: map[string]string{"TABI_VONAGE_PRIVATE_KEY": "x"}},
			"TABI_VONAGE_PRIVATE_KEY",
		},
		{channels.Config{SMSURL: "https://sms.example.com"}, "TABI_SMS_SECRET"},
		{channels.Config{SMSURL: "smpp://example.com"}, "TABI_SMS_URL"},
		{channels.Config{Keys: map[string]string{"TABI_TWILIO_API_KEY": "x"}}, "TABI_SMS_URL"},
	} {
		_, err := channels.Shipped().Open(test.cfg)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %s", test.cfg.SMSURL, err, test.want)
		}
	}
	for setting, want := range map[string]string{
		"twilio://AC1?from=+1":                                 "https://api.twilio.com",
		"vonage://k?from=S&api=https%3A%2F%2Fapi-us.nexmo.com": "https://api-us.nexmo.com",
		"https://sms.example.com/x":                            "https://sms.example.com/x", "": "",
	} {
		if got := channels.SMSAddress(setting); got != want {
			t.Errorf("%s: got %s", setting, got)
		}
	}
}
