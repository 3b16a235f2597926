package activities

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const linkedMessage = `message: hello
%TRACK%
email:
  subject: Hello
  html: |
    <p><a href="https://shop.example.com/cart?a=1&amp;b={{ customer.code }}#top">Your cart</a>
    <a href="https://shop.example.com/cart?a=1&amp;b={{ customer.code }}#top"><img src="https://shop.example.com/i.png" alt="Cart"></a>
    <a href="https://shop.example.com/terms" data-track="false">Terms</a> <a href="mailto:x@example.com">Mail</a>
    <a href="{{ preferences_url }}">Choose</a> <a href="tel:+81">Call</a> <a href="#a">Top</a>
    <a href="https://other.example/?utm_source=own">https://other.example/?utm_source=own</a></p>
    <map><area href="https://shop.example.com/map"></map>
    <!--[if mso]><v:roundrect href="https://shop.example.com/mso?x=1&amp;y=2">Go</v:roundrect><![endif]-->
    <!--[if mso]><link href="https://shop.example.com/css" rel="stylesheet"><A
      style="a:b" href='https://shop.example.com/vml'>x</A><a href="https://shop.example.com/kept" data-track="false">x</a><![endif]-->
    <a href="https://shop.example.com/wrap
    ped">Wrapped</a>
push: {title: Hello, body: you, link: "https://shop.example.com/app"}
sms: {text: "Your cart (https://shop.example.com/a_(b)). Or https://shop.example.com/二、or https://shop.example.com/?t=ab_, bye"}
`

// linked publishes messages with links, and returns the activities that track them.
func linked(t *testing.T, track string, traits map[string]any) *bundle {
	t.Helper()
	all := map[string]any{"code": "x y", "phone": "+819012345678", "push_token": "t1"}
	for k, v := range traits {
		all[k] = v
	}
	b := setup(t, all)
	content, problems := lint.Check([]lint.File{
		{Name: "news.yaml", Data: []byte(newsJourney)},
		{Name: "messages/hello.yaml", Data: []byte(strings.Replace(linkedMessage, "%TRACK%", track, 1))},
	}, lint.Options{Channels: channels.Shipped().Specs()})
	if problems.Failed(false) {
		t.Fatal(problems)
	}
	if _, err := b.store.Catalog.Publish(t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), content); err != nil {
		t.Fatal(err)
	}
	b.activities.cfg.Tracking = &Tracking{UTM: "tabi"}
	b.activities.cfg.Links.TrackURL = "https://click.example.com/"
	return b
}

var trackedLink = regexp.MustCompile(`https://click\.example\.com/(t|o)/([-\w]+)(\.gif)?`)

// leads returns where the tracked links of a text lead, in order; a pixel is "pixel".
func (b *bundle) leads(text string) (out []string) {
	b.t.Helper()
	for _, m := range trackedLink.FindAllStringSubmatch(text, -1) {
		if m[1] == "o" {
			if _, err := b.activities.cfg.Links.PixelOf(m[2] + m[3]); err != nil {
				b.t.Error(err)
			}
			out = append(out, "pixel")
			continue
		}
		c, err := b.activities.cfg.Links.ClickOf(m[2])
		if err != nil {
			stored, err := b.store.Messages.Link(b.t.Context(), m[2])
			if err != nil {
				b.t.Fatalf("%s: %v", m[0], err)
			}
			c = stored.Click
		}
		if c.Key != b.ref.Enrollment+"/hello/1" {
			b.t.Errorf("the link is of the send %s", c.Key)
		}
		out = append(out, c.URL)
	}
	return out
}

// says sends hello by a channel and returns its fields.
func (b *bundle) says(via, category string) map[string]string {
	b.t.Helper()
	fake := channeltest.NewFake(channels.Shipped().Spec(via), channel.Receipt{Outcome: channel.Sent, ProviderID: "p"})
	b.activities.cfg.Channels[via] = fake
	in := b.order(category)
	in.Spec.Via = []string{via}
	got, err := b.activities.Send(b.t.Context(), in)
	if err != nil || got.Status != contract.StatusSent {
		b.t.Fatal(got, err)
	}
	return fake.Sent()[0].Fields
}

func TestLinksOfAMailAreTracked(t *testing.T) {
	b := linked(t, "", nil)
	fields := b.says("email", journey.Marketing)
	const utm = "utm_source=tabi&utm_medium=email&utm_campaign=news&utm_content=hello"
	cart := "https://shop.example.com/cart?a=1&b=x y&" + utm + "#top"
	own := "https://other.example/?utm_source=own"
	wantLinks(t, b.leads(fields["html"]), cart, cart, own, "https://shop.example.com/map?"+utm, "https://shop.example.com/mso?x=1&y=2&"+utm,
		"https://shop.example.com/vml?"+utm, "https://shop.example.com/wrapped?"+utm, "pixel")
	wantLinks(t, b.leads(fields["text"]), cart, cart, own, "https://shop.example.com/wrapped?"+utm)
	for _, kept := range []string{`<a href="https://shop.example.com/terms">`, `href="mailto:x@example.com"`, `href="tel:+81"`, `href="#a"`,
		`<link href="https://shop.example.com/css" rel="stylesheet">`, `<a href="https://shop.example.com/kept">`,
		`src="https://shop.example.com/i.png"`, ">https://other.example/?utm_source=own</a>", "https://tabi.example.com/p/"} {
		if !strings.Contains(fields["html"], kept) {
			t.Errorf("%s is not as it was:\n%s", kept, fields["html"])
		}
	}
	if strings.Contains(fields["html"], "data-track") || !strings.Contains(fields["text"], "Terms (https://shop.example.com/terms)") {
		t.Errorf("%s\n%s", fields["html"], fields["text"])
	}
	for _, secret := range []string{b.ref.Enrollment, "hello"} {
		for _, m := range trackedLink.FindAllString(fields["html"], -1) {
			if strings.Contains(m, secret) {
				t.Errorf("%s says %s", m, secret)
			}
		}
	}
}

func wantLinks(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("links lead to\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheLinkOfAPushIsTracked(t *testing.T) {
	b := linked(t, "", nil)
	wantLinks(t, b.leads(b.says("push", journey.Marketing)["link"]),
		"https://shop.example.com/app?utm_source=tabi&utm_medium=push&utm_campaign=news&utm_content=hello")
}

// Links in texts end where the sentence does, and are short.
func TestLinksOfATextMessageAreTracked(t *testing.T) {
	b := linked(t, "", nil)
	text := b.says("sms", journey.Marketing)["text"]
	const utm = "?utm_source=tabi&utm_medium=sms&utm_campaign=news&utm_content=hello"
	wantLinks(t, b.leads(text), "https://shop.example.com/a_(b)"+utm, "https://shop.example.com/二"+utm,
		"https://shop.example.com/?t=ab_"+strings.Replace(utm, "?", "&", 1))
	const short = `https://click\.example\.com/t/\w{11}`
	if !regexp.MustCompile(`^Your cart \(` + short + `\)\. Or ` + short + `、or ` + short + `, bye$`).MatchString(text) {
		t.Errorf("got %s", text)
	}
}

// Who says no, or is not asked, gets links as they were written.
func TestLinksThatStay(t *testing.T) {
	for _, c := range []struct {
		name, track, category string
		traits                map[string]any
		tracked               bool
	}{
		{"marketing", "", journey.Marketing, nil, true},
		{"marketing that says no", "track: false", journey.Marketing, nil, false},
		{"transactional", "", journey.Transactional, nil, false},
		{"transactional that says yes", "track: true", journey.Transactional, nil, true},
		{"the customer agrees", "", journey.Marketing, map[string]any{"consent": map[string]any{"tracking": true}}, true},
		{"the customer refuses", "track: true", journey.Marketing, map[string]any{"consent": map[string]any{"tracking": false}}, false},
		{"the customer refuses in words", "", journey.Marketing, map[string]any{"consent": map[string]any{"tracking": "いいえ"}}, false},
		{"not understood", "", journey.Marketing, map[string]any{"consent": map[string]any{"tracking": "perhaps"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := linked(t, c.track, c.traits)
			html := b.says("email", c.category)["html"]
			if got := len(b.leads(html)) > 0; got != c.tracked || strings.Contains(html, "data-track") ||
				strings.Contains(html, "utm_source=tabi") {
				t.Errorf("tracked: %v\n%s", got, html)
			}
		})
	}
}

// A repeat carries the same links.
func TestARepeatedSendHasTheSameLinks(t *testing.T) {
	b := linked(t, "", nil)
	b.email.Answer(channel.Receipt{Outcome: channel.NotSent, Reason: "451 later"})
	in := b.order(journey.Marketing)
	in.Spec.Via = []string{"email"}
	for range 2 {
		if _, err := b.activities.Send(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if sent := b.email.Sent(); len(sent) != 2 || sent[0].Fields["html"] != sent[1].Fields["html"] {
		t.Errorf("%+v", sent)
	}
}
