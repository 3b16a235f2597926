package channels_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

const (
	lineUser = "U4af4980629f0a1b2c3d4e5f60718293a"
	number   = "+819012345678"
)

func byLine(fields map[string]string) channel.Message {
	return channel.Message{
		Key: "e1/nudge/1", Address: lineUser, Journey: "cart", Step: "nudge", Message: "cart", Category: "marketing", Fields: fields,
	}
}

func byWhatsApp() channel.Message {
	return channel.Message{
		Key: "e1/nudge/1", Address: number, Journey: "cart", Step: "nudge", Message: "cart", Category: "marketing",
		Fields: map[string]string{"template": "cart_waits", "language": "pt-BR", "values.1": "Ana", "values.2": "¥1,280"},
	}
}

func chatConfig(s *devsinks.Sink) channels.Config {
	return channels.Config{Timeout: 10 * time.Second, Keys: provider.Keys{
		chatapi.LineToken: s.ChatToken(), chatapi.LineURL: s.LineURL(), chatapi.WhatsAppToken: s.ChatToken(),
		chatapi.WhatsAppPhone: s.WhatsAppPhone(), chatapi.WhatsAppURL: s.WhatsAppURL(),
	}}
}

// retryKey is the key under which LINE accepts a message once.
func retryKey(key string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("tabi:"+key)).String()
}

func TestLineConforms(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	channeltest.Exercise(t, channeltest.Provider{
		Open:    func(t *testing.T) channel.Channel { return open(t, "line", chatConfig(s)) },
		Message: byLine(map[string]string{"text": "Your cart waits."}),
		Received: func(key string) (n int) {
			for _, c := range s.Chats() {
				if c.Key == retryKey(key) {
					n++
				}
			}
			return n
		},
		Refuse: func() { s.FailChat(devsinks.Fault{Stage: "line", Code: 400, Message: "Failed to send messages"}) },
		NotNow: func() {
			s.FailChat(devsinks.Fault{Stage: "line", Code: 429, Message: "The API rate limit has been exceeded."})
		},
		LoseAnswer: func() { s.FailChat(devsinks.Fault{Stage: "line", Drop: true}) },
		Hang:       func() { s.FailChat(devsinks.Fault{Stage: "line", Hang: true}) },
		Hung:       s.ChatHangs(), Clear: s.Clear,
	})
}

// A message whose answer was lost is accepted once, however often it is sent again.
func TestLineSendsARepeatOnce(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := open(t, "line", chatConfig(s))
	m := byLine(map[string]string{"text": "Your cart waits."})
	s.FailChat(devsinks.Fault{Stage: "line", Drop: true, Times: 1})
	if r := c.Send(t.Context(), m); r.Outcome != channel.Unknown || !c.Dedupes() {
		t.Fatalf("got %+v", r)
	}
	r := c.Send(t.Context(), m)
	if chats := s.Chats(); r.Outcome != channel.Sent || len(chats) != 1 || r.ProviderID != chats[0].ProviderID {
		t.Errorf("got %+v, kept %+v", r, chats)
	}
}

func TestLineContent(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := open(t, "line", chatConfig(s))
	const image = "https://shop.example/cup.png"
	const openCart = "https://shop.example/cart"
	for name, test := range map[string]struct {
		fields map[string]string
		want   devsinks.Chat
		types  string
	}{
		"text":  {map[string]string{"text": "お客様のカップ"}, devsinks.Chat{Text: "お客様のカップ"}, "text"},
		"image": {map[string]string{"image": image}, devsinks.Chat{Image: image}, "image"},
		"both":  {map[string]string{"text": "Cup", "image": image}, devsinks.Chat{Text: "Cup", Image: image}, "image text"},
		"buttons": {map[string]string{
			"text": "Cup", "image": image, "buttons.1.title": "Open", "buttons.1.link": openCart, "buttons.2.title": "Later",
			"buttons.3.title": "Call us", "buttons.3.link": "tel:0312345678",
		}, devsinks.Chat{Text: "Cup", Image: image, Buttons: []devsinks.ChatButton{
			{Title: "Open", Link: openCart}, {Title: "Later"}, {Title: "Call us", Link: "tel:0312345678"},
		}}, "flex"},
		"longest": {map[string]string{"text": strings.Repeat("あ", 5000)}, devsinks.Chat{Text: strings.Repeat("あ", 5000)}, "text"},
	} {
		t.Run(name, func(t *testing.T) {
			m := byLine(test.fields)
			m.Key += name
			if r := c.Send(t.Context(), m); r.Outcome != channel.Sent || r.ProviderID == "" {
				t.Fatalf("got %+v", r)
			}
			got, err := s.WaitChat(t.Context(), func(c devsinks.Chat) bool { return c.Key == retryKey(m.Key) })
			if err != nil {
				t.Fatal(err)
			}
			var raw struct{ Messages []struct{ Type string } }
			if err := json.Unmarshal(got.Raw, &raw); err != nil {
				t.Fatal(err)
			}
			var types []string
			for _, m := range raw.Messages {
				types = append(types, m.Type)
			}
			if diff := cmp.Diff(test.types, strings.Join(types, " ")); diff != "" {
				t.Error(diff)
			}
			test.want.Channel, test.want.To = "line", lineUser
			got.ID, got.Key, got.ProviderID, got.Received, got.Raw = 0, "", "", time.Time{}, nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What LINE would refuse goes no further, and the reason says which text it is.
func TestLineRefusesWhatItCannotSay(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := open(t, "line", chatConfig(s))
	long := strings.Repeat("a", 1000)
	for want, fields := range map[string]map[string]string{
		"5001 characters":              {"text": strings.Repeat("あ", 5001)},
		"5002 characters":              {"text": strings.Repeat("𠮷", 2501)},
		"not an https address":         {"text": "a", "image": "http://shop.example/cup.png"},
		"title of button 1":            {"text": "a", "buttons.1.title": strings.Repeat("a", 41)},
		"link of button 2 is none":     {"text": "a", "buttons.1.title": "a", "buttons.2.title": "b", "buttons.2.link": "shop://cart"},
		"the text is empty":            {"text": " "},
		"at most 1000":                 {"text": "a", "buttons.1.title": "b", "buttons.1.link": "https://a.example/" + long},
		"the text is empty after rend": {"buttons.1.title": "b"},
	} {
		if r := c.Send(t.Context(), byLine(fields)); r.Outcome != channel.Refused || !strings.Contains(r.Reason, want) {
			t.Errorf("%s: got %+v", want, r)
		}
	}
	m := byLine(map[string]string{"text": "a"})
	for _, address := range []string{"U1", "ana", "C4af4980629f0a1b2c3d4e5f60718293a"} {
		m.Address = address
		if r := c.Send(t.Context(), m); r.Outcome != channel.Refused || !r.Gone || strings.Contains(r.Reason, address) {
			t.Errorf("%s: got %+v", address, r)
		}
	}
	if n := len(s.Chats()); n > 0 {
		t.Errorf("%d messages went out", n)
	}
}

// chatFault is an answer of a provider, and what it means.
type chatFault struct {
	code    int    // of HTTP
	error   string // Meta's code
	message string
	after   string // Retry-After
	want    channel.Outcome
	gone    bool
	busy    bool
	retry   time.Duration
	says    string
}

func testChatFaults(t *testing.T, stage string, m channel.Message, faults map[string]chatFault) {
	for name, test := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, devsinks.Options{})
			c := open(t, stage, chatConfig(s))
			s.FailChat(devsinks.Fault{Stage: stage, Code: test.code, Text: test.error, Message: test.message, RetryAfter: test.after})
			r := c.Send(t.Context(), m)
			if r.Outcome != test.want || r.Gone != test.gone || r.Busy != test.busy || r.RetryAfter != test.retry ||
				!strings.Contains(r.Reason, test.says) || strings.Contains(r.Reason, "9012345678") || strings.Contains(r.Reason, lineUser) {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestLineReadsAnswers(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	testChatFaults(t, "line", byLine(map[string]string{"text": "a"}), map[string]chatFault{
		"no such user":   {400, "", "The property, 'to', in the request body is invalid", "", channel.Refused, true, false, 0, "LINE: 400"},
		"not sent":       {400, "", "Failed to send messages", "", channel.Refused, false, false, 0, "Failed to send"},
		"token":          {401, "", "Authentication failed: expired", "", channel.NotSent, false, false, 0, "TABI_LINE_TOKEN"},
		"plan":           {403, "", "This API is not available", "", channel.NotSent, false, false, 0, "not available"},
		"elsewhere":      {404, "", "Not found", "", channel.NotSent, false, false, 0, "TABI_LINE_URL"},
		"rate":           {429, "", "The rate limit has been exceeded", "", channel.NotSent, false, true, 10 * time.Second, "429"},
		"rate, and when": {429, "", "The API rate limit has been exceeded.", "30", channel.NotSent, false, true, 30 * time.Second, "429"},
		"month":          {429, "", "You have reached your monthly limit.", "", channel.NotSent, false, true, hour, "this month"},
		"internal":       {500, "", "The message was not sent", "", channel.Unknown, false, false, 0, "500"},
		"proxy":          {502, "", "", "", channel.Unknown, false, false, 0, "502"},
		"secrets":        {400, "", "user " + lineUser + " is unknown", "", channel.Refused, false, false, 0, "user … is unknown"},
	})
}

func TestWhatsAppConforms(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	channeltest.Exercise(t, channeltest.Provider{
		Open: func(t *testing.T) channel.Channel { return open(t, "whatsapp", chatConfig(s)) }, Message: byWhatsApp(),
		Received: func(key string) (n int) {
			for _, c := range s.Chats() {
				if c.Key == key {
					n++
				}
			}
			return n
		},
		Refuse: func() {
			s.FailChat(devsinks.Fault{Stage: "whatsapp", Code: 404, Text: "132001", Message: "no such template"})
		},
		NotNow: func() {
			s.FailChat(devsinks.Fault{Stage: "whatsapp", Code: 400, Text: "130429", Message: "Rate limit hit"})
		},
		LoseAnswer: func() { s.FailChat(devsinks.Fault{Stage: "whatsapp", Drop: true}) },
		Hang:       func() { s.FailChat(devsinks.Fault{Stage: "whatsapp", Hang: true}) },
		Hung:       s.ChatHangs(), Clear: s.Clear,
	})
}

func TestWhatsAppContent(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := open(t, "whatsapp", chatConfig(s))
	if c.Dedupes() {
		t.Error("WhatsApp recognizes no repeats")
	}
	m := byWhatsApp()
	m.Address = "+81 90-1234-5678"
	if r := c.Send(t.Context(), m); r.Outcome != channel.Sent || !strings.HasPrefix(r.ProviderID, "wamid.") {
		t.Fatalf("got %+v", r)
	}
	got := s.Chats()[0]
	if got.To != number || got.Template != "cart_waits" || got.Language != "pt_BR" || got.Key != m.Key ||
		strings.Join(got.Values, "|") != "Ana|¥1,280" {
		t.Errorf("got %+v", got)
	}
	m.Fields["values.2"] = " "
	if r := c.Send(t.Context(), m); r.Outcome != channel.Refused || !strings.Contains(r.Reason, "value 2 is empty") {
		t.Errorf("got %+v", r)
	}
	m = byWhatsApp()
	delete(m.Fields, "values.1")
	delete(m.Fields, "values.2")
	if r := c.Send(t.Context(), m); r.Outcome != channel.Sent || strings.Contains(string(s.Chats()[1].Raw), "components") {
		t.Errorf("a template without variables: %+v", r)
	}
	m.Address = "09012345678"
	if r := c.Send(t.Context(), m); r.Outcome != channel.Refused || strings.Contains(r.Reason, m.Address) {
		t.Errorf("a number without a country: %+v", r)
	}
}

func TestWhatsAppReadsAnswers(t *testing.T) {
	t.Parallel()
	const minute, hour = time.Minute, time.Hour
	testChatFaults(t, "whatsapp", byWhatsApp(), map[string]chatFault{
		"not on WhatsApp":  {400, "131026", "Message undeliverable", "", channel.Refused, true, false, 0, "131026"},
		"24 hours":         {400, "131047", "Re-engagement message", "", channel.Refused, false, false, 0, "131047"},
		"opted out":        {400, "131050", "user has stopped marketing", "", channel.Refused, false, false, 0, "131050"},
		"healthy":          {400, "131049", "to maintain healthy ecosystem engagement", "", channel.Refused, false, false, 0, "131049"},
		"rate":             {400, "130429", "Rate limit hit", "", channel.NotSent, false, true, minute, "130429"},
		"app":              {400, "4", "Application request limit reached", "", channel.NotSent, false, true, minute, "limit"},
		"account":          {400, "80007", "rate limit issues", "", channel.NotSent, false, true, minute, "80007"},
		"pair":             {400, "131056", "Pair rate limit hit", "", channel.NotSent, false, false, minute, "131056"},
		"spam":             {400, "131048", "Spam rate limit hit", "", channel.NotSent, false, true, hour, "WhatsApp Manager"},
		"payment":          {400, "131042", "Business eligibility payment issue", "", channel.NotSent, false, true, hour, "131042"},
		"token":            {401, "190", "Access token has expired", "", channel.NotSent, false, false, 0, "TABI_WHATSAPP_TOKEN"},
		"permission":       {403, "10", "Permission denied", "", channel.NotSent, false, false, 0, "TABI_WHATSAPP_TOKEN"},
		"number":           {400, "33", "the number has been deleted", "", channel.NotSent, false, false, 0, "TABI_WHATSAPP_PHONE_ID"},
		"parameters":       {400, "132000", "localizable_params do not match", "", channel.Refused, false, false, 0, "132000"},
		"template":         {404, "132001", "Template does not exist", "", channel.Refused, false, false, 0, "132001"},
		"paused":           {400, "132015", "Template is paused", "", channel.Refused, false, false, 0, "132015"},
		"disabled":         {400, "132016", "Template is disabled", "", channel.Refused, false, false, 0, "132016"},
		"something":        {500, "131000", "Something went wrong", "", channel.NotSent, false, false, 0, "131000"},
		"down":             {503, "131016", "Service unavailable", "7", channel.NotSent, false, false, 7 * time.Second, "131016"},
		"proxy":            {502, "", "", "", channel.Unknown, false, false, 0, "502"},
		"elsewhere":        {404, "", "", "", channel.NotSent, false, false, 0, "TABI_WHATSAPP_URL"},
		"names the number": {400, "131009", "819012345678 is not valid", "", channel.Refused, false, false, 0, "131009"},
	})
}

// A wrong or missing setting is named, and a wrong token is noticed.
func TestChatSettings(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	cfg := chatConfig(s)
	cfg.Keys[chatapi.LineToken], cfg.Keys[chatapi.WhatsAppToken] = "wrong", "wrong"
	for name, m := range map[string]channel.Message{"line": byLine(map[string]string{"text": "a"}), "whatsapp": byWhatsApp()} {
		if r := open(t, name, cfg).Send(t.Context(), m); r.Outcome != channel.NotSent || !strings.Contains(r.Reason, "_TOKEN") {
			t.Errorf("%s: got %+v", name, r)
		}
		r := open(t, name, channels.Config{}).Send(t.Context(), m)
		if want := "TABI_" + strings.ToUpper(name) + "_TOKEN"; r.Outcome != channel.Refused || !strings.Contains(r.Reason, want) {
			t.Errorf("%s without settings: got %+v", name, r)
		}
	}
	if r := open(t, "web_push", channels.Config{}).Send(t.Context(), channel.Message{}); r.Outcome != channel.Refused {
		t.Errorf("got %+v", r)
	}
	for want, keys := range map[string]provider.Keys{
		chatapi.LineURL:         {chatapi.LineToken: "a", chatapi.LineURL: "line"},
		chatapi.WhatsAppPhone:   {chatapi.WhatsAppToken: "a"},
		chatapi.WhatsAppToken:   {chatapi.WhatsAppPhone: "1"},
		"not the number itself": {chatapi.WhatsAppToken: "a", chatapi.WhatsAppPhone: "+81 90"},
		chatapi.WhatsAppURL:     {chatapi.WhatsAppToken: "a", chatapi.WhatsAppPhone: "1", chatapi.WhatsAppURL: "/v1"},
	} {
		if _, err := channels.Shipped().Open(channels.Config{Keys: keys}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// Who has written within the last day gets the text, and all others the template; also when Meta says that the day is over.
func TestWhatsAppAnswersInTheWindow(t *testing.T) {
	t.Parallel()
	const answer = "It comes tomorrow.\nBring a bag."
	for name, test := range map[string]struct {
		text  string
		wrote time.Duration // as tabi knows it
		open  bool          // the window, at Meta
		fault string        // of Meta, for the first request
		want  channel.Outcome
		sent  string // text or template
		says  string
	}{
		"just now":          {answer, time.Minute, true, "", channel.Sent, "text", ""},
		"nearly a day ago":  {answer, 23*time.Hour + 45*time.Minute, true, "", channel.Sent, "text", ""},
		"too near to a day": {answer, 23*time.Hour + 55*time.Minute, true, "", channel.Sent, "template", ""},
		"a day ago":         {answer, 25 * time.Hour, true, "", channel.Sent, "template", ""},
		"never":             {answer, 0, true, "", channel.Sent, "template", ""},
		"no text":           {" \n", time.Minute, true, "", channel.Sent, "template", ""},
		"the longest":       {strings.Repeat("あ", 4096), time.Minute, true, "", channel.Sent, "text", ""},
		"too long":          {strings.Repeat("あ", 4097), time.Minute, true, "", channel.Sent, "template", "4097 characters"},
		"over at Meta":      {answer, time.Minute, false, "", channel.Sent, "template", "131047"},
		"too many":          {answer, time.Minute, true, "130429", channel.NotSent, "", "130429"},
		"refused":           {answer, time.Minute, true, "131026", channel.Refused, "", "131026"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, devsinks.Options{})
			c := open(t, "whatsapp", chatConfig(s))
			if test.open {
				s.WhatsAppWrote(number, time.Now())
			}
			if test.fault != "" {
				s.FailChat(devsinks.Fault{Stage: "whatsapp", Code: 400, Text: test.fault, Message: "no", Times: 1})
			}
			m := byWhatsApp()
			m.Fields["text"], m.Wrote = test.text, test.wrote
			r := c.Send(t.Context(), m)
			if r.Outcome != test.want || r.Session != (test.sent == "text") || !strings.Contains(r.Reason, test.says) ||
				test.says == "" && r.Reason != "" {
				t.Errorf("got %+v", r)
			}
			chats := s.Chats()
			if test.sent == "" {
				if len(chats) > 0 {
					t.Errorf("sent %+v", chats)
				}
				return
			}
			if len(chats) != 1 || chats[0].Key != m.Key || chats[0].ProviderID != r.ProviderID {
				t.Fatalf("sent %+v", chats)
			}
			if got := chats[0]; test.sent == "text" && (got.Text != test.text || got.Template != "") ||
				test.sent == "template" && (got.Text != "" || got.Template != "cart_waits" || len(got.Values) != 2) {
				t.Errorf("sent %+v", got)
			}
		})
	}
}
