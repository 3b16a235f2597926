package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// plannedForget is the request to forget a customer, and what is asked for it by.
type plannedForget struct {
	event   *plannedEvent // the call; acknowledged once the customer's ids are marked
	device  string        // of the customer; empty: none
	number  int           // of the customer
	request string        // as the gateway calls it; empty where every answer with it was lost
}

// forgottenOf is of how many customers one is forgotten.
const forgottenOf = 10

// forget plans that a customer is forgotten at a random moment, and what channels send of it afterwards.
func (p *plan) forget(r *rand.Rand, i int, who *person, spread time.Duration) {
	known, device := who.plannedEvent, fmt.Sprintf("device-%05d", i)
	if who.login != nil {
		known = who.login
	}
	call := p.add(&plannedEvent{
		id:       "forget-" + who.customer,
		customer: who.customer,
		due:      known.due + time.Duration(r.Float64()*float64(spread-known.due)),
		needs:    known,
	})
	call.forget = &plannedForget{event: call, device: device, number: i}
	p.forgets[who.customer] = call.forget
	for n, body := range []map[string]any{
		{"type": "identify", "traits": map[string]any{"email": who.customer + "@example.com"}, "anonymousId": device},
		{"type": "alias", "previousId": device},
		{"type": "track", "event": "Cart Left", "properties": map[string]any{"order": fmt.Sprintf("o9%05d", i), "rounds": 1}},
		{"type": "track", "event": "Order Placed", "properties": map[string]any{"order": fmt.Sprintf("o8%05d", i), "rounds": 1},
			"anonymousId": device},
	} {
		p.add(&plannedEvent{
			id:       fmt.Sprintf("late-%d-%s", n, who.customer),
			customer: who.customer,
			due:      min(spread, call.due+time.Duration(r.IntN(15_000))*time.Millisecond),
			needs:    call,
			body:     body,
		})
	}
}

// canaries are texts that say who somebody was: ids, devices, names, phone numbers, orders.
var canaries = regexp.MustCompile(`(?:customer|device|canary)-\d{5}|4930\d{7}|o\d{6}`)

// canaries returns those of the forgotten customers.
func (p *plan) canaries() map[string]bool {
	out := map[string]bool{}
	for customer, f := range p.forgets {
		for _, text := range []string{customer, f.device, fmt.Sprintf("canary-%05d", f.number), fmt.Sprintf("4930%07d", f.number),
			fmt.Sprintf("o9%05d", f.number), fmt.Sprintf("o8%05d", f.number)} {
			out[text] = true
		}
	}
	for _, pass := range p.passages {
		if p.forgets[pass.customer] != nil {
			out[pass.order] = true
		}
	}
	return out
}

// forget asks the gateway to forget a customer. wait is as that of post.
func (d *driver) forget(ctx context.Context, f *plannedForget) (wait time.Duration, err error) {
	body, err := json.Marshal(map[string]string{"reason": fmt.Sprintf("ticket %d", f.number), "by": "chaos"})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		d.url+"/v1/admin/customers/"+url.PathEscape(f.event.customer)+"/forget", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, said, err := d.ask(req)
	switch {
	case resp == nil:
		return 300 * time.Millisecond, ctx.Err()
	case resp.StatusCode == http.StatusOK && err == nil:
		var answer struct{ Request string }
		err = json.Unmarshal(said, &answer)
		f.request = answer.Request
		return -1, err
	case resp.StatusCode == http.StatusGone: // an earlier answer was lost
		return -1, nil
	case err != nil, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode/100 == 5:
		d.failed.Add(1)
		return 500 * time.Millisecond, nil
	}
	return 0, fmt.Errorf("the gateway refuses to forget %s: %s: %s", f.event.customer, resp.Status, said)
}

// forgets checks what is left of forgotten customers in the snapshot, and that nothing was sent to them after that.
func (r *result) forgets() {
	done := map[string]time.Time{} // wall time, by request
	for _, q := range r.f.forgets {
		if q.state != "done" || !strings.Contains(q.report, `"tables"`) {
			r.unexplained("the request %s to forget a customer is %s: %s", q.id, q.state, q.report)
		}
		done[q.id] = r.g.wallTime(time.UnixMilli(q.done))
	}
	if len(r.f.forgets) != len(r.plan.forgets) {
		r.unexplained("%d requests to forget a customer, want %d", len(r.f.forgets), len(r.plan.forgets))
	}
	for key, record := range r.p.records {
		for content := range record.content {
			pass := r.plan.byOrder[canaries.FindString(content)]
			if pass == nil || r.plan.forgets[pass.customer] == nil {
				continue
			}
			f := r.plan.forgets[pass.customer]
			if asked := f.event.acknowledged.Load(); asked != nil {
				r.afterwards = max(r.afterwards, record.last.Sub(*asked))
			}
			if at := done[f.request]; f.request != "" && record.last.After(at.Add(time.Second)) {
				r.unexplained("%s was sent to %s %s after it was forgotten", key, pass.customer, record.last.Sub(at))
			}
		}
	}
}
