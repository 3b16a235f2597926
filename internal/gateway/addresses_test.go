package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// track posts one event of a customer and returns the answer.
func (h *house) track(user, name, properties string) answer {
	h.t.Helper()
	got := h.call("/v1/track", `{"userId":"`+user+`","event":"`+name+`","properties":`+properties+`}`)
	if got.status != http.StatusOK {
		h.t.Fatalf("%s: %d %s", name, got.status, got.body)
	}
	return got
}

// admin makes a call of an operator.
func (h *house) admin(method, path, body string) answer {
	h.t.Helper()
	return h.do(method, path, body, "Authorization: Bearer "+adminToken, "Content-Type: application/json")
}

// identify sets traits of a customer and returns the answer.
func (h *house) identify(user, traits string) answer {
	h.t.Helper()
	got := h.call("/v1/identify", `{"userId":"`+user+`","traits":`+traits+`}`)
	if got.status != http.StatusOK {
		h.t.Fatalf("%d %s", got.status, got.body)
	}
	return got
}

// dead reports whether a customer with this mail address finds it dead.
func (h *house) dead(mail string) bool {
	h.t.Helper()
	user := "reader-" + strconv.Itoa(len(mail)) + strings.NewReplacer("@", "-", " ", "-", "<", "", ">", "").Replace(mail)
	h.identify(user, `{"email":"`+mail+`"}`)
	return len(h.customer(user).Bounced) > 0
}

// A bounce kills the address that the mail went to, by whichever door it comes, whatever the customer's address is by now.
func TestABounceIsOfTheAddressThatBounced(t *testing.T) {
	t.Parallel()
	const now = `{"email":"new@example.com"}`
	for name, report := range map[string]func(h *house, key string){
		"a provider's report": func(h *house, key string) {
			h.call("/v1/mail/events", `{"type":"bounce","bounce_type":"hard","key":"`+key+`","id":"b1"}`)
		},
		"a report by message id": func(h *house, key string) {
			h.call("/v1/mail/events", `{"type":"hard_bounce","message_id":"<`+signedlink.MessageID(key, "x.example.com")+`>","id":"b1"}`)
		},
		"track with the key": func(h *house, key string) {
			h.track("ana/b", "Email Bounced", `{"type":"hard","key":"`+key+`"}`)
		},
		"track with the key, and the customer's address of now": func(h *house, key string) {
			h.track("ana/b", "Email Bounced", `{"type":"hard","key":"`+key+`","email":"new@example.com"}`)
		},
		"track with the message id": func(h *house, key string) {
			h.track("ana/b", "Email Bounced", `{"type":"Permanent","message_id":"<`+signedlink.MessageID(key, "x.example.com")+`>"}`)
		},
		"track with the provider's id": func(h *house, _ string) {
			h.track("ana/b", "Email Bounced", `{"reason":"550 5.1.1 user unknown","message_id":"4F00A1"}`)
		},
		"track with journey and step": func(h *house, _ string) {
			h.track("ana/b", "Email Bounced", `{"type":"hard","journey":"apology","step":"note"}`)
		},
		"track with the address": func(h *house, _ string) {
			h.track("ana/b", "Email Bounced", `{"type":"hard","address":"ANA@example.com"}`)
		},
		"track of somebody else": func(h *house, key string) {
			h.track("bea", "Email Bounced", `{"type":"hard","key":"`+key+`"}`)
		},
		"after a merge": func(h *house, key string) {
			h.call("/v1/alias", `{"userId":"cyn","previousId":"ana/b"}`)
			h.identify("cyn", now)
			h.call("/v1/mail/events", `{"type":"bounce","bounce_type":"hard","key":"`+key+`","id":"b1"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			_, ref := h.enter()
			key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent, ProviderID: "4F00A1"})
			h.identify("ana/b", now)
			report(h, key)
			if h.dead("new@example.com") {
				t.Error("the customer's new address is dead")
			}
			for _, spelling := range []string{"ana@example.com", "Ana@Example.com", "Ana <ana@example.com>"} {
				if !h.dead(spelling) {
					t.Errorf("%s is alive", spelling)
				}
			}
		})
	}
}

// A bounce that names neither address nor send is of the customer's address only if nothing contradicts it.
func TestABounceOfAnUnknownSend(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	h.identify("ana/b", `{"email":"new@example.com"}`)
	for properties, want := range map[string]string{
		`{"type":"hard"}`:                   "has changed since the last send",
		`{"type":"hard","key":"not/known"}`: "no send is known by its key",
		`{"type":"strange"}`:                "is not known, and counts as soft",
	} {
		if got := h.track("ana/b", "Email Bounced", properties); !strings.Contains(got.body, want) {
			t.Errorf("%s: the answer does not say why nothing was marked: %s", properties, got.body)
		}
	}
	if h.dead("new@example.com") || h.dead("ana@example.com") {
		t.Error("an address was marked")
	}
	h.identify("eve", `{"email":"eve@example.com"}`)
	late := `{"userId":"eve","event":"Email Bounced","timestamp":"2020-01-01T00:00:00Z","properties":{"type":"hard"}}`
	if got := h.call("/v1/track", late); !strings.Contains(got.body, "has changed since") || h.dead("eve@example.com") {
		t.Errorf("a late bounce of an address that was set after it: %s", got.body)
	}
	if h.track("eve", "Email Bounced", `{"type":"hard"}`); !h.dead("eve@example.com") {
		t.Error("a bounce of the only address is not remembered")
	}
}

// What is soft and what is hard does not depend on the door.
func TestOneTableOfBounces(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	for i, soft := range []string{"soft", "Transient", "blocked", "Undetermined", "SoftBounce", "mailbox full", "new-word", "4.2.2"} {
		h.track("ana/b", "Email Bounced", `{"type":"`+soft+`","key":"`+key+`"}`)
		got := h.call("/v1/mail/events", `{"type":"bounce","bounce_type":"`+soft+`","key":"`+key+`","id":"s`+strconv.Itoa(i)+`"}`)
		if strange := soft == "new-word"; strange != strings.Contains(got.body, "is not known, and counts as soft") {
			t.Errorf("%s: %s", soft, got.body)
		}
		if h.dead("ana@example.com") {
			t.Fatalf("%s killed the address", soft)
		}
	}
	for i, hard := range []string{"hard", "Permanent", "HardBounce", "hard_bounce", "5.1.1", "unknown_user"} {
		mail := "h" + strconv.Itoa(i) + "@example.com"
		h.track("ana/b", "Email Bounced", `{"type":"`+hard+`","address":"`+mail+`"}`)
		if !h.dead(mail) {
			t.Errorf("%s does not kill the address", hard)
		}
	}
}

// An opt-out by a mail holds for the mailbox: for every customer who has it, until a customer changes their mind.
func TestOptingOutHoldsForTheMailbox(t *testing.T) {
	t.Parallel()
	for name, optOut := range map[string]func(h *house, key, link string){
		"one click": func(h *house, _, link string) {
			h.do("POST", link, "List-Unsubscribe=One-Click", "Content-Type: application/x-www-form-urlencoded")
		},
		"the page": func(h *house, _, link string) { h.do("POST", link, "") },
		"a complaint": func(h *house, key, _ string) {
			h.call("/v1/mail/events", `{"type":"complaint","key":"`+key+`","id":"c1"}`)
		},
		"a provider's unsubscribe": func(h *house, key, _ string) {
			h.call("/v1/mail/events", `{"type":"unsubscribe","key":"`+key+`","id":"c1"}`)
		},
		"track": func(h *house, _, _ string) { h.track("ana/b", "Unsubscribed", `{}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			_, ref := h.enter()
			key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
			link := strings.TrimPrefix(h.g.auth.Links.Unsubscribe(
				signedlink.Mail{Customer: "ana/b", Journey: "apology", Step: "note", Message: "sorry", Key: key},
			), "http://tabi.example.com")
			h.identify("twin", `{"email":"Ana@Example.com","consent":{"marketing":true}}`)
			if name != "track" {
				h.identify("ana/b", `{"email":"new@example.com"}`)
			}
			optOut(h, key, link)
			optedOut := func(user string) bool { return len(h.customer(user).OptedOut) > 0 }
			h.identify("later", `{"email":"ana@example.com","consent":{"marketing":true}}`)
			h.identify("twin", `{"consent":{"marketing":true}}`) // said before, and said again
			if !optedOut("twin") || !optedOut("later") {
				t.Error("another customer with the mailbox would be mailed")
			}
			if name != "track" && optedOut("ana/b") {
				t.Error("the customer's other mailbox has opted out too")
			}
			h.identify("ana/b", `{"email":"ana@example.com"}`)
			if !optedOut("ana/b") {
				t.Error("the mailbox that opted out is forgotten")
			}
			h.identify("ana/b", `{"consent":{"marketing":"yes","email":"はい"}}`) // from no to yes
			if optedOut("ana/b") || optedOut("twin") {
				t.Error("the customer cannot opt in again")
			}
			h.track("twin", "Unsubscribed", `{"channel":"email"}`)
			if h.track("later", "Marketing Opted In", `{}`); optedOut("later") {
				t.Error("the event does not lift the opt-out")
			}
		})
	}
}

// A dead address has a way back: a message that arrives and was sent after the one that did not, or an operator.
func TestADeadAddressIsRevived(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	old := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	bounce := func(id string) {
		h.call("/v1/mail/events", `{"type":"bounce","bounce_type":"hard","key":"`+old+`","id":"`+id+`"}`)
		if !h.dead("ana@example.com") {
			t.Fatal("a hard bounce does not mark the address")
		}
	}
	bounce("b1")
	for _, e := range []string{"Email Delivered", "Email Opened", "Email Link Clicked"} {
		h.track("ana/b", e, `{"key":"`+old+`"}`)
		h.track("ana/b", e, `{"channel":"email"}`)
	}
	if !h.dead("ana@example.com") {
		t.Error("the send that bounced revives its address")
	}
	for name, body := range map[string]string{
		"an address of nobody": `{"address":"eve@example.com"}`, "another channel": `{"address":"ana@example.com","channel":"sms"}`,
	} {
		if got := h.admin("POST", "/v1/admin/addresses/revive", body); got.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := h.admin("POST", "/v1/admin/addresses/revive", `{"address":" Ana@Example.com"}`); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if h.dead("ana@example.com") {
		t.Error("an operator cannot revive it")
	}
	list := h.admin("GET", "/v1/admin/addresses?state=revived&address=ANA@example.com", "")
	for _, want := range []string{`"revived_by":"`, `"reason":"bounced: hard"`, `"address":"ana@example.com"`, `"dead":false`} {
		if !strings.Contains(list.body, want) {
			t.Errorf("the list lacks %s: %s", want, list.body)
		}
	}
	bounce("b2")
	if got := h.admin("GET", "/v1/admin/addresses?state=dead", ""); strings.Count(got.body, `"channel"`) != 1 {
		t.Errorf("dead: %s", got.body)
	}
}

// Consent given as text is understood, or it is no and the answer says so.
func TestConsentsInWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for value, want := range map[string]bool{
		`true`: true, `"true"`: true, `"yes"`: true, `1`: true, `"はい"`: true, `"opted_in"`: true,
		`false`: false, `"false"`: false, `"no"`: false, `"off"`: false, `"0"`: false, `0`: false, `""`: false, `"unsubscribed"`: false,
		`"opted_out"`: false, `"いいえ"`: false, `"不可"`: false, `"perhaps"`: false, `2`: false, `["email"]`: false,
	} {
		got := h.identify("ana", `{"consent":{"marketing":`+value+`,"source":"web form"}}`)
		consent := h.customer("ana").Traits["consent"].(map[string]any)
		if consent["marketing"] != want || consent["source"] != "web form" {
			t.Errorf("%s is stored as %v", value, consent)
		}
		unclear := value == `"perhaps"` || value == `2` || value == `["email"]`
		if warned := strings.Contains(got.body, "neither yes nor no"); warned != unclear {
			t.Errorf("%s: warned %v: %s", value, warned, got.body)
		}
	}
	h.identify("ana", `{"consent":"no"}`)
	if h.track("ana", "Unsubscribed", `{"topic":"news"}`); mustJSON(t, h.customer("ana").Traits["consent"]) !=
		`{"marketing":false,"topics":{"news":false}}` {
		t.Errorf("an opt-out of a topic lost the one of marketing: %v", h.customer("ana").Traits)
	}
	h.call("/v1/identify", `{"anonymousId":"d1","traits":{"consent":{"email":"no"}}}`)
	h.call("/v1/identify", `{"userId":"ben","traits":{"consent":{"email":"yes"}}}`)
	h.call("/v1/identify", `{"userId":"ben","anonymousId":"d1"}`)
	if got := mustJSON(t, h.customer("ben").Traits["consent"]); got != `{"email":false}` {
		t.Errorf("a refusal was lost in a merge: %s", got)
	}
	if got := h.admin("GET", "/metrics", ""); !strings.Contains(got.body, "tabi_segment_call_warnings_total 3") {
		t.Error("the warnings are not counted")
	}
}

// A time zone, a language or an address that tabi cannot use is stored, and the answer says what follows.
func TestValuesThatNothingCanUse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for traits, want := range map[string]string{
		`{"timezone":"Berlin"}`: `traits.timezone is \"Berlin\", which is not a time zone such as Asia/Tokyo: times of this customer are ` +
			`those of UTC; did you mean \"Europe/Berlin\"?`,
		`{"timezone":"JST"}`:              `did you mean \"Asia/Tokyo\"?`,
		`{"timezone":9}`:                  `traits.timezone is not a text`,
		`{"language":"jp"}`:               `traits.language is \"jp\", which is not a language code such as ja or pt-BR`,
		`{"language":"Japanese"}`:         `did you mean \"ja\"?`,
		`{"language":["ja"]}`:             `traits.language is not a text`,
		`{"phone":"0170 123"}`:            `traits.phone: 01… (8 characters) is not an international phone number: it has no country code`,
		`{"email":"not an email"}`:        `traits.email: no… (12 characters) is not a mail address: it has no @`,
		`{"email":["a@example.com","b"]}`: `traits.email: a text of 1 characters is not a mail address`,
		`{"push_token":"undefined"}`:      `is a placeholder, not a value of push_token`,
	} {
		if got := h.identify("ana", traits); !strings.Contains(got.body, want) {
			t.Errorf("%s: %s", traits, got.body)
		}
	}
	if h.customer("ana").Traits["language"] == nil {
		t.Error("a value that nothing can use was not stored")
	}
	for _, traits := range []string{
		`{"timezone":"europe/berlin","language":"ja_JP","phone":"+81 90 1234 5678","email":"Ana <ana@example.com>","push_token":"t1"}`,
		`{"timezone":"+09:00","language":"pt-BR","email":["a@example.com","b@example.com"]}`,
		`{"timezone":null,"language":"","phone":"","email":null,"push_token":[]}`,
	} {
		if got := h.identify("ben", traits); strings.Contains(got.body, "warnings") {
			t.Errorf("%s: %s", traits, got.body)
		}
	}
	if got := h.admin("GET", "/metrics", ""); !strings.Contains(got.body, "tabi_segment_call_warnings_total 10") {
		t.Error("the warnings are not counted")
	}
}
