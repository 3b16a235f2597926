package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/message"
)

// variant is offer with another name, channel and category, so that each case has a journey of its own.
func variant(name, via, category string) string {
	text := strings.Replace(offer, "journey: offer", "journey: "+name, 1)
	text = strings.Replace(text, "via: email", "via: "+via+"\n    category: "+category, 1)
	return strings.Replace(text, "event: Offered", "event: "+name, 1)
}

// A send that cannot be made takes the arm that the journey has for it; the reason is in the ledger and in the run.
func TestFailingSends(t *testing.T) {
	t.Parallel()
	files := folder(map[string]string{
		"mail.yaml": variant("mail", "email", "marketing"), "bill.yaml": variant("bill", "email", "transactional"),
		"push.yaml": variant(
			"push",
			"push",
			"marketing",
		), "odd.yaml": strings.Replace(variant("odd", "email", "marketing"), "send: hello", "send: odd", 1),
	})
	files["messages/odd.yaml"] = lines(
		`message: odd`,
		`email: {subject: "{% for i in (1..customer.parts) %}{% endfor %}{{ customer.parts }} parts", html: "<p>Hello</p>"}`,
	)
	h := open(t, settings{files: files, scale: 1})

	// enter sends the event that has the journey's name, and returns the workflow id.
	enter := func(journey, customer string) string {
		h.track(customer, journey, "", nil)
		return journey + "/" + customer
	}
	// ledger returns a customer's last send.
	ledger := func(t *testing.T, customer, status, reason string) message.Send {
		t.Helper()
		all, err := h.Store.Messages.Sends(context.Background(), message.SendFilter{Customer: customer, Limit: 1})
		if err != nil || len(all) != 1 {
			t.Fatalf("contacts: %+v, %v", all, err)
		}
		c := all[0]
		if c.Status != status || !strings.Contains(c.Reason, reason) {
			t.Errorf("the ledger says %s (%s), want %s (…%s…)", c.Status, c.Reason, status, reason)
		}
		if strings.Contains(c.Reason, "@") {
			t.Errorf("an address is in the reason %q", c.Reason)
		}
		return c
	}

	t.Run("SMTP 5xx", func(t *testing.T) {
		t.Parallel()
		h.mail.answer(h.customer("mia"), code(550, "mailbox unavailable for mia@example.com"))
		id := enter("mail", "mia")
		h.ended(id, "unsaid")
		ledger(t, "mia", "failed", "550")
		story := strings.Join(h.state(id).Story, "\n")
		if !strings.Contains(story, "failed by email (") || !strings.Contains(story, "550") {
			t.Errorf("the run's story lacks the reason:\n%s", story)
		}
	})

	t.Run("SMTP 4xx is seen pending, then goes out once", func(t *testing.T) {
		t.Parallel()
		address := h.customer("tia")
		h.mail.answer(address, code(451, "try again later"))
		id := enter("mail", "tia")
		h.pending(id, "451")
		h.mail.answer(address, taken)
		h.ended(id, "said")
		ledger(t, "tia", "sent", "")
		same(t, "mails", h.mail.subjects(address), []string{"Hello tia"})
	})

	t.Run("SMTP hangs: marketing is not said twice", func(t *testing.T) {
		t.Parallel()
		address := h.customer("ham")
		h.mail.answer(address, h.mail.hang, taken)
		h.ended(enter("mail", "ham"), "said")
		if c := ledger(t, "ham", "sent", ""); !c.Unknown || c.Reason == "" {
			t.Errorf("it may not have gone out, and the ledger does not tell: %+v", c)
		}
		same(t, "tries", h.mail.tried(address), 1)
	})

	t.Run("SMTP hangs: what is transactional is repeated", func(t *testing.T) {
		t.Parallel()
		address := h.customer("hob")
		h.mail.answer(address, h.mail.hang, taken)
		h.ended(enter("bill", "hob"), "said")
		ledger(t, "hob", "sent", "")
		same(t, "tries", h.mail.tried(address), 2)
		same(t, "mails", h.mail.subjects(address), []string{"Hello hob"})
	})

	t.Run("FCM 401 is seen pending", func(t *testing.T) {
		t.Parallel()
		h.customer("una")
		h.push.answer("device-una", problem(401, "UNAUTHENTICATED", "", 0))
		id := enter("push", "una")
		h.pending(id, "401")
		h.push.answer("device-una", nil)
		h.ended(id, "said")
		same(t, "pushes", h.push.sent("device-una"), []string{"Hello"})
	})

	t.Run("FCM 404: the device is gone", func(t *testing.T) {
		t.Parallel()
		h.customer("gus")
		h.push.answer("device-gus", problem(404, "NOT_FOUND", "UNREGISTERED", 0))
		h.ended(enter("push", "gus"), "unsaid")
		ledger(t, "gus", "failed", "UNREGISTERED")
		h.track("gus", "push", "", nil)
		await(t, "the next push is not tried", func() error {
			if n := h.entries("push", "gus"); n != 2 {
				return fmt.Errorf("%d entries", n)
			}
			return h.last("push", "gus", "blocked")
		})
		ledger(t, "gus", "suppressed", "BOUNCED")
		same(t, "tries", h.push.tried("device-gus"), 1)
	})

	t.Run("FCM 429 waits as long as it was asked to", func(t *testing.T) {
		t.Parallel()
		h.customer("lea")
		h.push.answer("device-lea", problem(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", 3), nil)
		began := time.Now()
		id := enter("push", "lea")
		h.ended(id, "said")
		if took := time.Since(began); took < 3*time.Second {
			t.Errorf("it was tried again after %s, and FCM asked for 3 s", took)
		}
		same(t, "pushes", h.push.sent("device-lea"), []string{"Hello"})
	})

	t.Run("no address", func(t *testing.T) {
		t.Parallel()
		h.identify("nia", map[string]any{"first_name": "nia"})
		h.ended(enter("mail", "nia"), "blocked")
		ledger(t, "nia", "suppressed", "NO_ADDRESS")
	})

	t.Run("a template fails for one customer", func(t *testing.T) {
		t.Parallel()
		bad, good := h.customer("zed"), h.customer("one")
		h.identify("zed", map[string]any{"parts": 200_000})
		h.identify("one", map[string]any{"parts": 4})
		h.ended(enter("odd", "zed"), "unsaid")
		h.ended(enter("odd", "one"), "said")
		ledger(t, "zed", "failed", "TEMPLATE")
		same(t, "mails of the one", h.mail.subjects(bad), []string{})
		same(t, "mails of the other", h.mail.subjects(good), []string{"4 parts"})
	})
}

// pending waits until Temporal shows a pending activity of the run, with its failure.
func (h *installation) pending(workflowID, why string) {
	h.Helper()
	await(h, "Temporal shows the send that is repeated", func() error {
		run, err := h.Temporal.DescribeWorkflow(context.Background(), workflowID, "")
		if err != nil {
			return err
		}
		for _, a := range run.RawResponse.GetPendingActivities() {
			if words := a.GetLastFailure().GetMessage(); strings.Contains(words, why) {
				return nil
			}
		}
		return fmt.Errorf("pending activities: %v", run.RawResponse.GetPendingActivities())
	})
}

// last reports whether the latest enrollment of a customer in a journey has ended so.
func (h *installation) last(journey, customer, outcome string) error {
	all, err := h.Store.Enrollments.List(context.Background(), enrollment.Filter{Journey: journey, Customer: customer})
	if err != nil {
		return err
	}
	if e := all[len(all)-1]; e.Outcome != outcome {
		return fmt.Errorf("it is %s %s", e.State, e.Outcome)
	}
	return nil
}
