package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// maxMemory is the memory limit of the Kubernetes manifest, in MiB.
const maxMemory = 512

// others sends events of other customers with the server key until stop is called, which returns how many were answered otherwise than
// 200, and the longest answer.
func (t *target) others(ctx context.Context) (stop func() (sent, refused int, slowest time.Duration)) {
	var sent, refused, slowest atomic.Int64
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			got, err := t.server(ctx, "track", object{"userId": fmt.Sprintf("other-%d", n), "event": "Something Else"})
			if ctx.Err() != nil {
				return
			}
			sent.Add(1)
			slowest.Store(max(slowest.Load(), int64(got.took)))
			if err != nil || got.status != http.StatusOK {
				refused.Add(1)
			}
			<-tick.C
		}
	}()
	return func() (int, int, time.Duration) {
		cancel()
		<-done
		return int(sent.Load()), int(refused.Load()), time.Duration(slowest.Load())
	}
}

// amplify opens as many enrollments of one customer as it can, and then sends events that all of them listen to.
func amplify(ctx context.Context, t *target) (string, error) {
	stop := t.others(ctx)
	answers := map[string]int{}
	requests := 0
	send := func(n int, call func(i int) object) error {
		var batch []any
		for i := range n {
			batch = append(batch, call(i))
		}
		requests++
		got, err := t.from(fmt.Sprintf("198.51.100.%d", requests)).web(ctx, "batch", object{"batch": batch})
		answers[fmt.Sprint(got.status)]++
		for _, code := range []string{"too_many_enrollments", "customer_backlog", "too_many_deliveries", "forbidden"} {
			if strings.Contains(got.body, code) {
				answers[code]++
			}
		}
		return err
	}
	for page := range 3 {
		if err := send(1000, func(i int) object {
			return object{"type": "track", "anonymousId": "amp", "event": "Cart Updated",
				"properties": object{"cart_id": fmt.Sprintf("c%d-%d", page, i), "total": 60}}
		}); err != nil {
			return "", err
		}
	}
	for _, n := range []int{10, 100, 300} {
		if err := send(n, func(int) object {
			return object{"type": "track", "anonymousId": "amp", "event": "Checkout Started", "properties": object{"cart_id": "zz"}}
		}); err != nil {
			return "", err
		}
	}
	entries, err := t.count(ctx, `select count(*) from outbox`)
	if err != nil {
		return "", err
	}
	written, err := t.count(ctx, `select coalesce(sum(last_seq), 0) from enrollments where customer = 'anon:amp'`)
	if err != nil {
		return "", err
	}
	sent, refused, slowest := stop()
	evidence := fmt.Sprintf("%d requests wrote %d outbox entries (%d wait), answers %v; %d of %d calls of others refused, slowest %s, "+
		"gateway %d MiB", requests, written, entries, answers, refused, sent, slowest.Round(time.Millisecond), t.memory())
	if written > 20_000 || refused > 0 || t.memory() > maxMemory || slowest > 5*time.Second {
		return "", errors.New(evidence)
	}
	return evidence, nil
}

// grow sends traits that merge deeply, each within the limit of a call.
func grow(ctx context.Context, t *target) (string, error) {
	refused := 0
	for i := range 60 {
		got, err := t.web(ctx, "identify", object{"anonymousId": "grow", "traits": object{"prefs": object{
			fmt.Sprintf("k%05d", i): strings.Repeat("x", 30_000)}}})
		if err != nil {
			return "", err
		}
		if got.is(http.StatusRequestEntityTooLarge, http.StatusForbidden, http.StatusBadRequest, http.StatusTooManyRequests) {
			refused++
		}
	}
	size, err := t.count(ctx, `select coalesce(max(length(traits)), 0) from customers where id = 'anon:grow'`)
	if err != nil || size > 64<<10 || refused < 50 {
		return "", fmt.Errorf("the traits have %d bytes, %d of 60 calls were refused: %w", size, refused, orNil(err))
	}
	keys := object{}
	for i := range 600 {
		keys[fmt.Sprint("k", i)] = 1
	}
	deep := any(1)
	for range 12 {
		deep = object{"a": deep}
	}
	for what, traits := range map[string]object{"600 names": keys, "12 levels": {"deep": deep}} {
		if got, err := t.server(ctx, "identify", object{"userId": "grow2", "traits": traits}); err != nil || !got.is(413) {
			return "", fmt.Errorf("%s: %v, %w", what, got, orNil(err))
		}
	}
	if n, err := t.count(ctx, `select count(*) from customers where id = 'grow2'`); err != nil || n != 0 {
		return "", fmt.Errorf("a refused call left a customer: %w", orNil(err))
	}
	return fmt.Sprintf("%d of 60 calls refused, the traits have %d bytes; 600 names and 12 levels are answered 413", refused, size), nil
}

// swellNumbers sends numbers with exponents, which have hundreds of digits.
func swellNumbers(ctx context.Context, t *target) (string, error) {
	list := strings.Repeat("123456789012345678901e280,", 1000)
	call := `{"anonymousId": "swell", "properties": {"list": [` + list + `1]}}`
	got, err := t.web(ctx, "page", call)
	if err != nil {
		return "", err
	}
	stored, err := t.count(ctx, `select coalesce(max(length(properties)), 0) from events where customer = 'anon:swell'`)
	if err != nil || stored > 2*len(call) {
		return "", fmt.Errorf("a call of %d bytes is answered %v, and stored as %d: %w", len(call), got, stored, orNil(err))
	}
	return fmt.Sprintf("a call of %d bytes is answered %d, and stored as %d", len(call), got.status, stored), nil
}

// growByMerge merges customers whose profiles fit alone.
func growByMerge(ctx context.Context, t *target) (string, error) {
	traits := func(name string) object {
		return object{name + "1": strings.Repeat("x", 20_000), name + "2": strings.Repeat("x", 10_000)}
	}
	for i := range 6 {
		id := fmt.Sprintf("m%d", i)
		if err := t.all(ctx, [2]any{"identify", object{"anonymousId": id, "traits": traits(id)}}); err != nil {
			return "", err
		}
	}
	warned := 0
	for i := range 6 {
		got, err := t.server(ctx, "identify", object{"userId": "merged", "anonymousId": fmt.Sprintf("m%d", i)})
		if err != nil || got.status != http.StatusOK {
			return "", fmt.Errorf("the merge: %v, %w", got, orNil(err))
		}
		if strings.Contains(got.body, "left out of the merge") {
			warned++
		}
	}
	size, err := t.count(ctx, `select length(traits) from customers where id = 'merged'`)
	if err != nil || size > 64<<10 || warned < 3 {
		return "", fmt.Errorf("the traits have %d bytes, %d of 6 merges warned: %w", size, warned, orNil(err))
	}
	return fmt.Sprintf("after 6 merges the traits have %d bytes, and %d answers name what was left out", size, warned), nil
}

// collectIDs links devices without end to one user.
func collectIDs(ctx context.Context, t *target) (string, error) {
	refused := 0
	for page := range 6 {
		var batch []any
		for i := range 200 {
			batch = append(batch, object{"type": "identify", "userId": "many", "anonymousId": fmt.Sprintf("many-%d-%d", page, i)})
		}
		got, err := t.server(ctx, "batch", object{"batch": batch})
		if err != nil {
			return "", err
		}
		refused += strings.Count(got.body, "too_many_ids")
	}
	n, err := t.count(ctx, `select count(*) from customers where merged_into = 'many'`)
	if err != nil || n > 1000 || refused != 200 {
		return "", fmt.Errorf("%d ids, %d refused: %w", n, refused, orNil(err))
	}
	return fmt.Sprintf("of 1,200 ids %d are the user's, %d calls were refused by index", n, refused), nil
}

// chainReaction starts a journey that doubles itself.
func chainReaction(ctx context.Context, t *target) (string, error) {
	if err := t.all(ctx, [2]any{"track", object{"userId": "ping", "event": "Atk Ping"}}); err != nil {
		return "", err
	}
	const most = 260 // 200 descendants, and what is written by those that run meanwhile
	last, same := -1, 0
	n := 0
	if err := until(ctx, "the end of the reaction", func() (bool, error) {
		var err error
		n, err = t.count(ctx, `select count(*) from events where customer = 'ping'`)
		if n != last {
			last, same = n, 0
		} else {
			same++
		}
		return same > 50 && n > 50 || n > most, err
	}); err != nil {
		return "", err
	}
	if n > most {
		return "", fmt.Errorf("one event has become %d", n)
	}
	out, err := t.command("tabi", "list", "--customer", "ping", "--journey", "atk-ping", "-o", "json").Output()
	if err != nil {
		return "", err
	}
	for _, id := range workflowIDs(string(out)) {
		status, err := t.command("tabi", "status", id).Output()
		if err == nil && strings.Contains(string(status), "was not stored") {
			return fmt.Sprintf("one event has become %d, and the log of %s says why it ended", n, id), nil
		}
	}
	return "", fmt.Errorf("one event has become %d, and no run says why it ended", n)
}

// workflowIDs returns the workflow ids in the output of tabi list, the newest first.
func workflowIDs(text string) (ids []string) {
	for _, part := range strings.Split(text, `"workflow_id":`)[1:] {
		id, _, _ := strings.Cut(strings.TrimLeft(part, ` "`), `"`)
		ids = append(ids, id)
	}
	return ids
}

// squatWorkflow starts a foreign workflow under the id of an enrollment to come.
func squatWorkflow(ctx context.Context, t *target) (string, error) {
	w := worker.New(t.temporal, "attacks", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) },
		workflow.RegisterOptions{Name: "Squatter"})
	if err := w.Start(); err != nil {
		return "", err
	}
	defer w.Stop()
	if _, err := t.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "cart-recovery/sq/k1", TaskQueue: "attacks"},
		"Squatter"); err != nil {
		return "", err
	}
	if err := t.all(ctx, [2]any{"track", object{"userId": "sq", "event": "Cart Updated",
		"properties": object{"cart_id": "k1", "total": 60}}}); err != nil {
		return "", err
	}
	seen := ""
	if err := until(ctx, "a dead letter", func() (bool, error) {
		out, err := t.command("tabi", "deadletter", "list").Output()
		seen = string(out)
		return strings.Contains(seen, "cart-recovery/sq/k1"), err
	}); err != nil {
		return "", err
	}
	if !strings.Contains(seen, "Squatter") {
		return "", fmt.Errorf("the dead letter does not say why: %s", seen)
	}
	if err := t.temporal.TerminateWorkflow(ctx, "cart-recovery/sq/k1", "", "the attack ends"); err != nil {
		return "", err
	}
	if out, err := t.command("tabi", "deadletter", "retry", "cart-recovery/sq/k1").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	if err := until(ctx, "the run after the squatter's end", func() (bool, error) {
		n, err := t.count(ctx, `select count(*) from enrollments where customer = 'sq' and first_run_id <> ''`)
		return n == 1, err
	}); err != nil {
		return "", err
	}
	return "the entry became a dead letter that names the foreign type, and started once that had ended", nil
}

// burnCPU sends a batch whose conditions are cubic.
func burnCPU(ctx context.Context, t *target) (string, error) {
	stop := t.others(ctx)
	var list []any
	for range 50 {
		list = append(list, 1)
	}
	var batch []any
	for i := range 900 {
		batch = append(batch, object{"type": "track", "anonymousId": fmt.Sprint("burn", i%20), "event": "Costly Event",
			"properties": object{"list": list}})
	}
	got, err := t.web(ctx, "batch", object{"batch": batch})
	sent, refused, slowest := stop()
	if err != nil {
		return "", err
	}
	costly := strings.Count(got.body, "conditions_too_costly")
	evidence := fmt.Sprintf("the batch took %s, %d of 900 calls refused; %d of %d calls of others refused, slowest %s",
		got.took.Round(time.Millisecond), costly, refused, sent, slowest.Round(time.Millisecond))
	if got.took > 20*time.Second || costly < 850 || refused > 0 { // without a limit it is ten times as much
		return "", fmt.Errorf("%s: %.200s", evidence, got.body)
	}
	return evidence, nil
}

// overTemporal starts Track workflows that no HTTP call could be.
func overTemporal(ctx context.Context, t *target) (string, error) {
	for name, in := range map[string]object{
		"1.9 MB":      {"messageId": "big", "userId": "tv", "event": "X", "properties": object{"a": strings.Repeat("x", 1_900_000)}},
		"an address":  {"messageId": "addr", "userId": "tv", "type": "identify", "traits": object{"email": "evil@evil.example"}},
		"a profile":   {"messageId": "deep", "userId": "tv", "type": "identify", "traits": object{"a": nested(20)}},
		"a NUL in id": {"messageId": "nul", "userId": "tv\x00", "event": "X"},
		"no object":   nil,
	} {
		var input any = in
		if in == nil {
			input = []any{1, 2}
		}
		options := client.StartWorkflowOptions{ID: "attack/" + name, TaskQueue: contract.TaskQueue}
		run, err := t.temporal.ExecuteWorkflow(ctx, options, "Track", input)
		if err != nil {
			return "", err
		}
		var refused *temporal.ApplicationError
		if err := run.Get(ctx, nil); !errors.As(err, &refused) || refused.Type() != contract.RejectInvalid {
			return "", fmt.Errorf("%s: got %w, want a refusal", name, orNil(err))
		}
	}
	n, err := t.count(ctx, `select count(*) from customers where id like 'tv%'`)
	if err != nil || n != 0 {
		return "", fmt.Errorf("a refused event left a customer: %w", orNil(err))
	}
	return "five events are refused, and nothing of them is stored", nil
}

func nested(depth int) any {
	out := any(1)
	for range depth {
		out = object{"a": out}
	}
	return out
}
