package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// The main job on `tabi dev` and the shipped journeys: every channel can enter, end and inspect a journey.
// docs/channels.md has these calls.
func TestDev(t *testing.T) {
	t.Parallel()
	in := newInstall(t, shipped(t))
	in.flags = []string{"--time-scale", "1200"}
	in.env = without(in.env, "TABI_EMAIL_URL", "TABI_FCM_CREDENTIALS", "TABI_FCM_URL", "TABI_MAIL_FROM") // the sinks of dev
	in.startDev()

	order := `"name":"Order Completed","time":"2026-03-02T10:00:00Z","properties":{"cart_id":"k1","total":120}}`
	// Each way ends a journey of its own; repeated, it changes nothing.
	for _, way := range []struct {
		customer string
		end      func() error
		again    func() error
	}{
		{"ana", func() error {
			in.tctlGood("workflow", "signal", "-w", "cart-recovery/ana/k1", "--name", "event", "--input", `{"id":"e9",`+order)
			return nil
		}, func() error {
			if code, out := in.tctl("workflow", "signal", "-w", "cart-recovery/ana/k1", "--name", "event", "--input",
				`{"id":"e9",`+order); code == 0 {
				return fmt.Errorf("the signal of an ended run succeeds: %s", out)
			}
			if !in.track("ana", "Order Completed", "e9", map[string]any{"cart_id": "k1", "total": 120}).Receipts[0].Duplicate {
				return errors.New("the same event over HTTP is not a duplicate")
			}
			return nil
		}},
		{"ben", func() error {
			in.track("ben", "Order Completed", "e10", map[string]any{"cart_id": "k1", "total": 120})
			return nil
		}, func() error {
			if !in.track("ben", "Order Completed", "e10", map[string]any{"cart_id": "k1", "total": 120}).Receipts[0].Duplicate {
				return errors.New("it is no duplicate")
			}
			return nil
		}},
		{"cai", func() error {
			in.cli("track", "Order Completed", "--customer", "cai", "--id", "e11", "--properties", `{"cart_id":"k1","total":120}`)
			return nil
		}, func() error {
			out := in.cli("track", "Order Completed", "--customer", "cai", "--id", "e11", "--properties", `{"cart_id":"k1","total":120}`)
			if !strings.Contains(out, "accepted before") {
				return errors.New(out)
			}
			return nil
		}},
		{"dan", func() error {
			in.tctlGood("workflow", "update", "execute", "-w", "cart-recovery/dan/k1", "--name", "event", "--input", `{"id":"e12",`+order)
			return nil
		}, func() error {
			if code, out := in.tctl("workflow", "update", "execute", "-w", "cart-recovery/dan/k1", "--name", "event", "--input",
				`{"id":"e12",`+order); code == 0 {
				return fmt.Errorf("the update of an ended run succeeds: %s", out)
			}
			return nil
		}},
		{"eve", func() error {
			in.tctlGood("workflow", "start", "--type", "Track", "--task-queue", "journeys", "--workflow-id", "order-77",
				"--input", `{"userId":"eve","event":"Order Completed","messageId":"e13","timestamp":"2026-03-02T10:00:00Z",`+
					`"properties":{"cart_id":"k1","total":120}}`)
			return nil
		}, func() error {
			out := in.tctlGood("workflow", "execute", "--type", "Track", "--task-queue", "journeys", "--workflow-id", "order-78",
				"--output", "json",
				"--input", `{"userId":"eve","event":"Order Completed","messageId":"e13","properties":{"cart_id":"k1"}}`)
			if !strings.Contains(out, `"duplicate": true`) {
				return errors.New(out)
			}
			return nil
		}},
	} {
		t.Run(way.customer, func(t *testing.T) {
			t.Parallel()
			in := *in
			in.TB = t
			id := "cart-recovery/" + way.customer + "/k1"
			address := in.customer(way.customer)
			same(
				t,
				"entered",
				in.track(way.customer, "Cart Updated", "", map[string]any{"cart_id": "k1", "total": 120}).Receipts[0].Entered,
				[]string{id},
			)
			in.parked(id, "response")
			same(t, "mails", in.devMails(address), []string{"Your cart is waiting"})
			if way.customer == "ana" {
				in.looked(id)
			}
			if err := way.end(); err != nil {
				t.Fatal(err)
			}
			in.ended(id, contract.Goal)
			result := in.result(id)
			same(t, "the result", []any{result.Outcome, result.Value}, []any{"goal", 120.0})
			if err := way.again(); err != nil {
				t.Errorf("sent again: %v", err)
			}
			var list api.EnrollmentList
			if err := json.Unmarshal([]byte(in.cli("list", "--customer", way.customer, "--output", "json")), &list); err != nil {
				t.Fatal(err)
			}
			if len(list.Enrollments) != 1 || list.Enrollments[0].Outcome != "goal" {
				t.Errorf("after the event was sent again: %+v", list.Enrollments)
			}
			same(t, "mails at the end", in.devMails(address), []string{"Your cart is waiting"})
		})
	}
}

// looked checks what support staff see of an enrollment at step response.
func (in *install) looked(id string) {
	in.Helper()
	await(in, "the run can be found", func() error {
		_, out := in.tctl("workflow", "list", "--query", `Journey="cart-recovery" AND CustomerId="ana"`)
		if !strings.Contains(out, id) {
			return errors.New(out)
		}
		return nil
	})
	out := in.tctlGood("workflow", "query", "-w", id, "--type", "state", "--output", "json")
	var answer struct{ QueryResult []contract.State }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.QueryResult) != 1 {
		in.Fatalf("the query answers %v: %s", err, out)
	}
	v := answer.QueryResult[0]
	if v.Step != "response" || v.Since.IsZero() || !v.Until.After(v.Since) || len(v.WaitingFor) != 1 ||
		v.WaitingFor[0] != "Checkout Started" {
		in.Errorf("the query tells %+v", v)
	}
	if out := in.cli("status", id); !strings.Contains(out, "response") || !strings.Contains(out, "cart-reminder") {
		in.Errorf("tabi status tells:\n%s", out)
	}
}

// devMails returns the subjects of the mails to an address in dev's sink, oldest first.
func (in *install) devMails(address string) []string {
	in.Helper()
	resp, err := http.Get(in.url + "/dev/mail.json")
	if err != nil {
		in.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		in.Fatal(err)
	}
	var all []struct {
		To      []string
		Subject string
	}
	if err := json.Unmarshal(data, &all); err != nil {
		in.Fatalf("/dev/mail.json: %v: %s", err, data)
	}
	out := []string{}
	for _, m := range all {
		if strings.Contains(strings.Join(m.To, " "), address) {
			out = append([]string{m.Subject}, out...)
		}
	}
	return out
}

// without removes variables from an environment.
func without(env []string, names ...string) []string {
	var out []string
	for _, kv := range env {
		keep := true
		for _, n := range names {
			keep = keep && !strings.HasPrefix(kv, n+"=")
		}
		if keep {
			out = append(out, kv)
		}
	}
	return out
}
