package journey

import (
	"encoding/json"
	"os"
	"testing"
)

const cart = `journey: cart-recovery
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

const reminder = `message: cart-reminder
email: {subject: "{{ entry.items | size }} items", html: "<p>Hi</p>"}
push: {title: Your cart, body: waits}
`

func TestCartCompiles(t *testing.T) {
	t.Parallel()
	d := mustCheck(t, "cart-recovery", cart, map[string]string{"cart-reminder": reminder})
	p, err := NewProgram(d)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("SHOW") != "" {
		out, _ := json.MarshalIndent(d, "", " ")
		t.Logf("%s\n%+v %+v", out, p.Reads(), p.Listens())
	}
	packed, err := Pack(d)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(packed, d.Revision())
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := loaded.Index("main.3.1.1"); !ok || loaded.Steps[i].Kind != "set" {
		t.Errorf("step main.3.1.1 is %d, %v", i, ok)
	}
	if _, err := Load(packed, "000000000000"); err == nil {
		t.Error("a wrong revision is accepted")
	}
}
