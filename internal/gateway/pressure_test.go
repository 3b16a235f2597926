package gateway

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// enters publishes a journey and lets n customers enter it; their starts wait in the outbox.
func (h *house) enters(n int) {
	h.t.Helper()
	content, problems := lint.Check(
		[]lint.File{{Name: "hello.yaml", Data: []byte("journey: hello\nentry: {event: Hello}\nsteps:\n  - wait: 1d\n")}},
		lint.Options{Channels: channels},
	)
	if problems.Failed(false) {
		h.t.Fatal(problems)
	}
	if _, err := h.store.Catalog.Publish(context.Background(), instant, content); err != nil {
		h.t.Fatal(err)
	}
	for i := range n {
		if got := h.call("/v1/track", fmt.Sprintf(`{"userId":"u%d","event":"Hello"}`, i)); got.status != http.StatusOK {
			h.t.Fatal(got)
		}
	}
}

// bring marks all that waits as delivered, or has it set aside.
func (h *house) bring(cause string) {
	h.t.Helper()
	ctx := context.Background()
	leases, err := h.store.Outbox.Lease(ctx, time.Now(), 100, time.Minute)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, l := range leases {
		seq := l.Deliveries[0].Seq
		if cause != "" {
			err = h.store.Outbox.SetAside(ctx, instant, l, seq, cause)
		} else if err = h.store.Outbox.Delivered(ctx, l, seq); err == nil {
			err = h.store.Outbox.ReleaseLease(ctx, l, "", time.Time{})
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestTooManyPending(t *testing.T) {
	t.Parallel()
	now := instant
	h := newHouse(t, func(c *Config) { c.MaxPending = 2 })
	h.g.Wall = func() time.Time { return now }
	h.enters(3)
	now = now.Add(time.Second)
	h.answers(http.StatusTooManyRequests) // once the reading in the background is done
	for _, path := range []string{"/v1/track", "/v1/t", "/v1/identify", "/v1/batch"} {
		got := h.call(path, `{"userId":"late","event":"Hello"}`)
		code, _, message := got.problem()
		if got.status != http.StatusTooManyRequests || code != "too_many_pending" || got.header.Get("Retry-After") != "5" ||
			!strings.Contains(message, "send it again") {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if got := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken); !strings.Contains(got.body,
		"tabi_backpressure_rejections_total") {
		t.Error("the metric does not count them")
	}
	// What people and links ask for goes on.
	if got := h.do("GET", "/inbox", "", "Authorization: Bearer "+agentToken); got.status != http.StatusOK {
		t.Error("the inbox:", got.status)
	}
	if got := h.do("GET", api.GetCounts.Path, "", "Authorization: Bearer "+adminToken); got.status != http.StatusOK {
		t.Error("the admin API:", got.status)
	}
	h.bring("")
	now = now.Add(time.Second)
	h.answers(http.StatusOK)
	if got := h.call("/v1/track", `{"userId":"late","event":"Hello"}`); got.status != http.StatusOK {
		t.Error(got)
	}
}

// answers sends calls until one is answered with a status.
func (h *house) answers(status int) {
	h.t.Helper()
	for range 10_000 {
		if h.call("/v1/identify", `{"userId":"late"}`).status == status {
			return
		}
		runtime.Gosched()
	}
	h.t.Fatalf("no call was answered %d", status)
}

func TestDepthIsReadOnceASecond(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.MaxPending = 2 })
	h.enters(3) // the first call read that nothing waits, and the clock stands
	if got := h.call("/v1/track", `{"userId":"late","event":"Hello"}`); got.status != http.StatusOK {
		t.Error(got)
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.enters(3)
	h.bring("Temporal: the input is too large")
	auth := "Authorization: Bearer " + adminToken
	got := h.do("GET", api.ListDeadLetters.Path+"?limit=2", "", auth)
	if got.status != http.StatusOK || strings.Count(got.body, "too large") != 2 || !strings.Contains(got.body, `"next"`) {
		t.Fatal(got)
	}
	if got := h.do("GET", api.ListDeadLetters.Path+"?workflow_id=hello%2Fu1", "", auth); strings.Count(got.body, `"kind":"start"`) != 1 {
		t.Error(got)
	}
	if got := h.do("GET", "/v1/admin/enrollments/hello%2Fu1", "", auth); !strings.Contains(
		got.body,
		`"dead_letters":[{"workflow_id":"hello/u1"`,
	) {
		t.Error(got)
	}
	if got := h.do("GET", "/metrics", "", auth); !strings.Contains(got.body, "tabi_dead_letters 3") {
		t.Error("the metric is not there")
	}
	if got := h.do("GET", "/journeys", "", "Authorization: Bearer "+agentToken); !strings.Contains(got.body, "3 dead letters") {
		t.Error("the page does not say it")
	}
	for body, want := range map[string]int{`{}`: 400, `{"all":true,"workflow_id":"x"}`: 400, `{"workflow_id":"hello/nobody"}`: 404} {
		if got := h.do("POST", api.RetryDeadLetters.Path, body, auth); got.status != want {
			t.Errorf("%s: %+v", body, got)
		}
	}
	if got := h.do("POST", api.DropDeadLetters.Path, `{"workflow_id":"hello/u0"}`, auth); got.body != "{\"count\":1}\n" {
		t.Error(got)
	}
	if got := h.do("POST", api.RetryDeadLetters.Path, `{"all":true}`, auth); got.body != "{\"count\":2}\n" {
		t.Error(got)
	}
	closed, err := h.store.Enrollments.List(context.Background(), enrollment.Filter{State: unit.StateClosed})
	if err != nil || len(closed) != 1 || closed[0].WorkflowID != "hello/u0" {
		t.Error(closed, err)
	}
	if n, err := h.store.Outbox.Depth(context.Background(), 10); err != nil || n != 2 {
		t.Error(n, err)
	}
}
