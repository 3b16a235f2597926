package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// tickets is a journey whose step seat is run by a worker that is not tabi's.
const tickets = `journey: tickets
entry: {event: Ticket Wanted, key: event.show}
goal: {event: Ticket Paid}
exit: [{event: Ticket Returned, when: event.show == entry.show, outcome: returned}]
steps:
  - id: seat
    activity: {name: ReserveSeat, task_queue: booking, input: {show: entry.show, row: customer.row}, timeout: 30s, retry_for: 4h}
    on_failure:
      - {id: why, set: {customer.why: steps.seat.error}}
      - exit: no-seat
  - {id: keep, set: {customer.seat: steps.seat.result.seat, customer.seat_key: steps.seat.result.key}}
  - {id: mail, send: seat, via: email, category: transactional, data: {seat: steps.seat.result.seat}}
  - exit: seated
`

// openTickets makes an installation with the journey, and a customer who likes row Cedar.
func openTickets(t *testing.T, more func(*app.Config)) *installation {
	t.Helper()
	h := open(t, settings{scale: 60, more: more, files: map[string]string{"tickets.yaml": tickets,
		"messages/seat.yaml": "message: seat\nemail: {subject: \"Seat {{ data.seat }} for {{ entry.show }}\", text: \"Enjoy\"}\n"}})
	h.identify("ana", map[string]any{"email": "ana@example.com", "row": "Cedar"})
	return h
}

// want makes the customer want a ticket for a show, and returns the enrollment's workflow id.
func (h *installation) want(show string) (workflowID string) {
	h.Helper()
	h.track("ana", "Ticket Wanted", "", map[string]any{"show": show})
	return "tickets/ana/" + show
}

// trait returns a trait of the customer.
func (h *installation) trait(name string) any {
	h.Helper()
	c, err := h.Store.Customers.Get(context.Background(), "ana")
	if err != nil {
		h.Fatal(err)
	}
	return c.Traits[name]
}

// startActivityWorker runs testdata/activity-worker, which has the activity ReserveSeat, until the test ends.
func startActivityWorker(t *testing.T, namespace, taskQueue string, more ...string) *child {
	t.Helper()
	folder := npmInstall(t, "activity-worker")
	env := append([]string{"TEMPORAL_ADDRESS=" + shared.address, "TEMPORAL_NAMESPACE=" + namespace, "TASK_QUEUE=" + taskQueue}, more...)
	p, err := launch(folder, env, "node", "worker.js")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop(stopPatience)
		if t.Failed() {
			t.Log(p.out.String())
		}
	})
	return p
}

// A worker on Temporal's TypeScript SDK runs the activity that a journey names: where nothing is encrypted, where its task queue is in
// clear, and where it decrypts and encrypts by the codec server.
func TestActivityInTypeScript(t *testing.T) {
	t.Parallel()
	t.Run("in clear", func(t *testing.T) {
		t.Parallel()
		h := openTickets(t, nil)
		h.reserves(startActivityWorker(t, h.namespace, "booking"))
	})
	t.Run("clear queue", func(t *testing.T) {
		t.Parallel()
		h := openTickets(t, func(c *app.Config) { c.MasterKeys, c.ClearQueues = masterKey, "other, booking" })
		h.reserves(startActivityWorker(t, h.namespace, "booking"))
		if found := h.runsWith("cedar7"); len(found) == 0 {
			t.Error("the worker's results are not in clear")
		}
	})
	t.Run("codec server", func(t *testing.T) {
		t.Parallel()
		h := openTickets(t, func(c *app.Config) {
			c.MasterKeys = masterKey
			c.Tokens += ",booking:operator=" + codecToken
		})
		h.reserves(startActivityWorker(t, h.namespace, "booking", "TABI_CODEC="+h.url+"/v1/codec", "TABI_TOKEN="+codecToken))
		for _, text := range []string{"cedar7", "no seat is left"} {
			if found := h.runsWith(text); len(found) > 0 {
				t.Errorf("%q can be read without a key in %v", text, found)
			}
		}
	})
}

// codecToken is the token of another team's worker.
const codecToken = "a-booking-token-of-the-tests"

// reserves checks that the worker reserves seats, and that journeys get its results.
func (h *installation) reserves(worker *child) {
	t := h.TB
	t.Helper()
	e := h.ended(h.want("hamlet"), "seated")
	same(t, "the mails", h.mail.subjects("ana@example.com"), []string{"Seat Cedar7 for hamlet"})
	same(t, "the seat", h.trait("seat"), any("Cedar7"))
	same(t, "the activity's id", h.trait("seat_key"), any(e.ID+"/seat/1"))

	h.ended(h.want("busy"), "seated") // at the second attempt
	h.ended(h.want("sold-out"), "no-seat")
	same(t, "the error", h.trait("why"), any("no seat is left"))

	premiere := h.want("premiere")
	e = h.parked(premiere, "seat")
	h.showsActivity(premiere, "ReserveSeat")
	h.track("ana", "Ticket Returned", "", map[string]any{"show": "premiere"})
	h.ended(premiere, "returned")
	await(t, "the worker learns that its activity is canceled", func() error {
		if want := "canceled " + e.ID + "/seat/1"; !strings.Contains(worker.out.String(), want) {
			return errors.New("it printed no " + want)
		}
		return nil
	})
}

// showsActivity waits until Temporal shows a pending activity of this name.
func (h *installation) showsActivity(workflowID, name string) {
	h.Helper()
	await(h, "Temporal shows the activity "+name, func() error {
		run, err := h.Temporal.DescribeWorkflow(context.Background(), workflowID, "")
		if err != nil {
			return err
		}
		for _, a := range run.RawResponse.GetPendingActivities() {
			if a.GetActivityType().GetName() == name {
				return nil
			}
		}
		return fmt.Errorf("pending activities: %v", run.RawResponse.GetPendingActivities())
	})
}

// Without a worker on the task queue the activity stays pending, by its name. A person may answer in place of the worker.
func TestActivityWithoutWorker(t *testing.T) {
	t.Parallel()
	h := openTickets(t, nil)
	hamlet := h.want("hamlet")
	e := h.parked(hamlet, "seat")
	h.showsActivity(hamlet, "ReserveSeat")
	same(t, "what it waits for", h.state(hamlet).WaitingFor, []string{"ReserveSeat on booking"})
	same(t, "its state", e.State, unit.StateOpen)

	answer := map[string]any{"seat": "A1", "key": "by hand"}
	if err := h.Temporal.CompleteActivityByID(context.Background(), h.namespace, hamlet, "", e.ID+"/seat/1", answer, nil); err != nil {
		t.Fatal(err)
	}
	h.ended(hamlet, "seated")
	same(t, "the seat", h.trait("seat"), any("A1"))
}

// The page about the step has the codec that the worker of these tests uses.
func TestActivityPageHasTheCodec(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root(), "docs", "language", "activity.md"))
	if err != nil {
		t.Fatal(err)
	}
	codec, err := os.ReadFile(filepath.Join("testdata", "activity-worker", "codec.js"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```js\n"+string(codec)+"```\n") {
		t.Error("docs/language/activity.md has another codec than testdata/activity-worker/codec.js")
	}
}
