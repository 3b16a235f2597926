// Package journeytest holds fixtures of the tests of the journey packages.
package journeytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// channels are the specs of some channels, as the channel registry returns them.
var channels = []channel.Spec{
	{
		Name:    "email",
		Address: "email",
		Fields: []channel.Field{
			{Name: "subject", Required: true}, {Name: "html", Required: true, HTML: true, Or: "text"}, {Name: "text"},
			{Name: "mjml", Form: channel.FormMJML}, {Name: "layout", Form: channel.FormLayout}, {Name: "preheader"},
			{Name: "from", Form: channel.FormSender}, {Name: "reply_to", Form: channel.FormSender},
		},
	},
	{
		Name:    "push",
		Address: "push_token",
		Fields: []channel.Field{
			{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"}, {Name: "image"},
			{Name: "buttons", Items: []channel.Field{{Name: "title", Required: true}, {Name: "link", Required: true}}},
		},
	},
	{Name: "sms", Address: "phone", Fields: []channel.Field{{Name: "text", Required: true}}},
	{Name: "app", Fields: []channel.Field{{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"}}},
	{Name: "webhook", Fields: []channel.Field{{Name: "url", Required: true}, {Name: "body"}}},
	{Name: "line", Address: "line_id", Fields: []channel.Field{
		{Name: "text", Required: true, Or: "image"}, {Name: "image"},
		{Name: "buttons", Items: []channel.Field{{Name: "title", Required: true}, {Name: "link"}}},
	}},
	{Name: "whatsapp", Address: "phone", Fields: []channel.Field{
		{Name: "template", Required: true}, {Name: "language", Required: true}, {Name: "values", Texts: true},
		{Name: "text", Max: 4096},
	}, Sessions: true},
	{Name: "web_push", Address: "web_push", Fields: []channel.Field{
		{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"},
	}},
	{Name: "log", Any: true},
}

// Options returns options of Check with the channels above.
func Options() lint.Options { return lint.Options{Channels: channels} }

// MustCheck compiles one journey with the given messages.
func MustCheck(t *testing.T, name, source string, messages map[string]string) *journey.Definition {
	t.Helper()
	files := []lint.File{{Name: name + ".yaml", Data: []byte(source)}}
	for message, text := range messages {
		files = append(files, lint.File{Name: "messages/" + message + ".yaml", Data: []byte(text)})
	}
	content, diagnostics := lint.Check(files, Options())
	if diagnostics.Failed(false) {
		t.Fatalf("%s does not compile: %v", name, diagnostics)
	}
	return content.Journeys[name]
}

// SplitGolden returns the files of a golden that lint reads. In them, ␍ is a carriage return and ⇥ a tab.
func SplitGolden(archive *txtar.Archive) (files []lint.File) {
	for _, file := range archive.Files {
		if lint.IsSource(file.Name) {
			data := bytes.ReplaceAll(file.Data, []byte("␍\n"), []byte("\r\n"))
			files = append(files, lint.File{Name: file.Name, Data: bytes.ReplaceAll(data, []byte("⇥"), []byte("\t"))})
		}
	}
	return files
}

// Cart is a journey that uses most of the language.
const Cart = `journey: cart-recovery
description: Win back a shopper who left a cart behind.
owner: growth
entry:
  event: Cart Updated
  when: event.total >= 50
  key: event.cart_id
  reentry: {after: 7d}
  holdout: 5
vars: {tries: 0}
goal:
  event: Order Completed
  when: event.cart_id == entry.cart_id
  value: event.total
  within: 14d
exit:
  - {event: Cart Emptied, when: event.cart_id == entry.cart_id, outcome: emptied}
  - {when: customer.employee == true, outcome: staff}
timeout: 30d
steps:
  - wait: 1h
  - id: nudge
    send: cart-reminder
    via: [email, push]
    data: {left: size(entry.items)}
    on_failure: [{go_to: recovery}]
  - id: response
    wait_for:
      - event: Email Link Clicked
        when: event.message == "cart-reminder"
        then: [{set: {vars.tries: vars.tries + 1}}]
    timeout: 24h
    on_timeout:
      - id: greeting
        split:
          - {weight: 1, name: short, then: [{wait: 1d}]}
          - {weight: 1, name: long}
  - branch:
      - {when: steps.response.timed_out, then: [{exit: silent}]}
    else:
      - {handoff: support, timeout: 4h, outcomes: {refunded: [{exit: refunded}]}}
paths:
  recovery:
    - wait: {until: customer.trial_ends_at, offset: -2d}
`

// Reminder is the message of Cart.
const Reminder = `message: cart-reminder
email: {subject: "{{ entry.items | size }} items", html: "<p>Hi</p>"}
push: {title: Your cart, body: waits}
`

// ExampleFiles returns the files that the examples name: a message, actions and intents.
func ExampleFiles() []lint.File {
	return []lint.File{
		{Name: "messages/cart-reminder.yaml", Data: []byte(Reminder)},
		{
			Name: "actions/retention.yaml",
			Data: []byte(
				"group: retention\nactions:\n  loyalty-discount: {message: cart-reminder, value: customer.mrr * 0.3}\n  cart-help: " +
					"{message: cart-reminder, via: [push, email], value: 1}\n",
			),
		},
		{Name: "intents.yaml", Data: []byte("intents:\n  complaint: {half_life: 7d}\n  price-sensitive: {half_life: 3d}\n")},
	}
}

// RoundTrip packs and unpacks a definition and compares the result with it.
func RoundTrip(t interface{ Fatalf(string, ...any) }, d *journey.Definition) {
	packed, err := journey.Pack(d)
	if err != nil {
		t.Fatalf("pack: %v", err)
	}
	back, err := journey.Unpack(packed)
	if err != nil {
		t.Fatalf("unpack: %v", err)
	}
	if back.Revision() != d.Revision() {
		t.Fatalf("revision %s became %s", d.Revision(), back.Revision())
	}
	if _, err := journey.NewProgram(back); err != nil {
		t.Fatalf("program: %v", err)
	}
}

// fakeHistory implements expr.History.
type fakeHistory struct {
	counts map[string]float64
	last   map[string]time.Time
	within time.Duration
}

func (h *fakeHistory) Count(event string, within time.Duration) (float64, error) {
	h.within = within
	if event == "broken" {
		return 0, errors.New("the store is away")
	}
	return h.counts[event], nil
}

func (h *fakeHistory) Last(event string) (time.Time, bool, error) {
	at, ok := h.last[event]
	return at, ok, nil
}

// Program returns a program for expressions that belong to no journey.
func Program() *journey.Program {
	p, err := journey.NewProgram(&journey.Definition{Journey: "any", Paths: []journey.Path{{Name: journey.Main, Start: journey.End}}})
	if err != nil {
		panic(err)
	}
	return p
}

// Now is the time in Vars.
var Now = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// Vars returns variables with a value in each place.
func Vars() expr.Vars {
	return expr.Vars{
		Customer: map[string]any{
			"tier":          "gold",
			"mrr":           100.0,
			"trial_ends_at": "2026-03-10T00:00:00Z",
			"consent":       map[string]any{"marketing": true},
			"tags":          []any{"a", "b"},
			"none":          nil,
		},
		Entry: map[string]any{"cart_id": "k1", "items": []any{map[string]any{"price": 10.0}, map[string]any{"price": 25.0}}, "n": 3,
			"long": json.Number("820982911946154509")},
		Event:     map[string]any{"total": 120.0, "cart_id": "k1", "at": "2026-03-02T12:00:00+02:00"},
		EventName: "Cart Updated",
		Vars:      map[string]any{"tries": 1.0, "zero": 0.0, "i": 1.0},
		Steps:     map[string]map[string]any{"before-end": {"timed_out": true, "arm": 0}},
		Now:       Now,
		History: &fakeHistory{
			counts: map[string]float64{"Order Completed": 2},
			last:   map[string]time.Time{"Order Completed": Now.Add(-time.Hour)},
		},
	}
}
