package channels_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
)

func TestSpecs(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range channels.Shipped().Specs() {
		names = append(names, s.Name)
		if s.Doc == "" || !s.Any && len(s.Fields) == 0 {
			t.Errorf("%s: no doc, or no fields", s.Name)
		}
		for _, f := range s.Fields {
			if f.Name == "" || f.Doc == "" {
				t.Errorf("%s: field %q has no doc", s.Name, f.Name)
			}
		}
	}
	if want := []string{"email", "push", "sms", "app", "webhook", "line", "whatsapp", "web_push", "log"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	channels.Shipped().Specs()[0].Fields[0].Name = "changed"
	if channels.Shipped().Specs()[0].Fields[0].Name != "subject" {
		t.Error("a caller can change the registry")
	}
}

func TestUnconfiguredChannelsExplainThemselves(t *testing.T) {
	t.Parallel()
	all, err := channels.Shipped().Open(channels.Config{Log: &strings.Builder{}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"email": "TABI_EMAIL_URL", "push": "TABI_FCM_CREDENTIALS", "sms": "TABI_SMS_URL",
		"webhook": "TABI_WEBHOOK_SECRET", "line": "TABI_LINE_TOKEN", "whatsapp": "TABI_WHATSAPP_TOKEN"} {
		r := all[name].Send(t.Context(), channel.Message{Key: "k", Address: "ana@example.com"})
		if r.Outcome != channel.Refused || r.Gone || !strings.HasPrefix(r.Reason, channels.NotConfigured) ||
			!strings.Contains(r.Reason, want) {
			t.Errorf("%s: got %+v", name, r)
		}
		if all[name].Spec().Name != name {
			t.Errorf("%s: has spec %s", name, all[name].Spec().Name)
		}
	}
	if len(all) != len(channels.Shipped().Specs()) {
		t.Errorf("%d channels for %d specs", len(all), len(channels.Shipped().Specs()))
	}
	if err := channels.Shipped().Close(all); err != nil {
		t.Error(err)
	}
}

func TestWrongConfigurationNamesItsVariable(t *testing.T) {
	t.Parallel()
	const hidden = "hunter2"
	for name, test := range map[string]struct {
		cfg  channels.Config
		want []string
	}{
		"scheme": {channels.Config{EmailURL: "http://u:" + hidden + "@mail", MailFrom: "a@b.c"},
			[]string{"TABI_EMAIL_URL", "smtp://"}},
		"no from":  {channels.Config{EmailURL: "smtp://mail"}, []string{"TABI_MAIL_FROM"}},
		"bad from": {channels.Config{EmailURL: "smtp://mail", MailFrom: "shop"}, []string{"TABI_MAIL_FROM"}},
		"both":     {channels.Config{EmailURL: "mail:25", MailFrom: "shop"}, []string{"TABI_EMAIL_URL", "TABI_MAIL_FROM"}},
		"password": {channels.Config{EmailURL: "smtp://u:" + hidden + "%zz@mail", MailFrom: "a@b.c"},
			[]string{"TABI_EMAIL_URL", "percent-encoded"}},
		"no password":   {channels.Config{EmailURL: "smtp://u@mail", MailFrom: "a@b.c"}, []string{"TABI_EMAIL_URL", "password"}},
		"parameter":     {channels.Config{EmailURL: "smtp://mail?ssl=1", MailFrom: "a@b.c"}, []string{"TABI_EMAIL_URL", "tls"}},
		"tls value":     {channels.Config{EmailURL: "smtp://mail?tls=yes", MailFrom: "a@b.c"}, []string{"TABI_EMAIL_URL", "required"}},
		"contradiction": {channels.Config{EmailURL: "smtps://mail?tls=none", MailFrom: "a@b.c"}, []string{"TABI_EMAIL_URL"}},
		"no file":       {channels.Config{FCMCredentials: "/nowhere/account.json"}, []string{"TABI_FCM_CREDENTIALS"}},
		"not account": {channels.Config{FCMCredentials: `{"type":"authorized_user"}`},
			[]string{"TABI_FCM_CREDENTIALS", "service account"}},
		"bad key": {channels.Config{FCMCredentials: `{"type":"service_account","client_email":"a@b.c","private_key":"` + hidden +
			`"}`}, []string{"TABI_FCM_CREDENTIALS", "private_key"}},
		"sms url":       {channels.Config{SMSURL: "mail", SMSSecret: secret}, []string{"TABI_SMS_URL"}},
		"sms no secret": {channels.Config{SMSURL: "https://sms"}, []string{"TABI_SMS_SECRET"}},
		"sms no url":    {channels.Config{SMSSecret: secret}, []string{"TABI_SMS_URL"}},
		"short secret":  {channels.Config{WebhookSecret: "whsec_aHVudGVyMg=="}, []string{"TABI_WEBHOOK_SECRET", "24 to 64"}},
		"not base64":    {channels.Config{WebhookSecret: "whsec_" + hidden + "!"}, []string{"TABI_WEBHOOK_SECRET", "base64"}},
	} {
		_, err := channels.Shipped().Open(test.cfg)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
		if strings.Contains(err.Error(), hidden) || strings.Contains(err.Error(), "aHVudGVyMg") {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
}

func TestAppConforms(t *testing.T) {
	t.Parallel()
	channeltest.Exercise(t, channeltest.Provider{
		Open:    func(t *testing.T) channel.Channel { return open(t, "app", channels.Config{}) },
		Message: channel.Message{Fields: map[string]string{"title": "Hello", "body": "There"}},
	})
}

// output is a writer that can be made to fail.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	fail error
	cut  int
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return min(o.cut, len(p)), o.fail
	}
	return o.text.Write(p)
}

func (o *output) set(err error, cut int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail, o.cut = err, cut
}

func TestLogConforms(t *testing.T) {
	t.Parallel()
	o := &output{}
	channeltest.Exercise(t, channeltest.Provider{
		Open: func(t *testing.T) channel.Channel { return open(t, "log", channels.Config{Log: o}) },
		Message: channel.Message{
			Message: "hello", Journey: "welcome", Step: "greet", Customer: "customer-77",
			Fields: map[string]string{"subject": "Hi\x1b[2J", "text": "one\ntwo\n"},
		},
		Received: func(key string) int {
			o.mu.Lock()
			defer o.mu.Unlock()
			return strings.Count(o.text.String(), "key "+key+")")
		},
		NotNow: func() { o.set(errors.New("disk full"), 0) }, LoseAnswer: func() { o.set(errors.New("disk full"), 3) },
		Clear: func() { o.set(nil, 0) },
	})
	want := "hello  (journey welcome, step greet, key e1/hello.1/1)\n  subject: Hi[2J\n  text: one\n    two\n"
	if !strings.HasPrefix(o.text.String(), want) {
		t.Errorf("got\n%s\nwant it to begin\n%s", o.text.String(), want)
	}
}
