package main

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// clientCount is the number of channels that call the gateway at a time; maxBatch is the most calls in one batch.
const clientCount, maxBatch = 24, 12

// oddClients is the share of requests that an odd client sends.
const oddClients = 0.33

// patience is how long a channel waits for a response.
const patience = 5 * time.Second

// driver sends the planned events and repeats those that were not acknowledged, as a channel with its own outbox
// does.
type driver struct {
	url      string
	client   *http.Client
	attempts atomic.Int64
	failed   atomic.Int64
	refused  atomic.Int64 // calls

	mu     sync.Mutex
	random *rand.Rand
	queue  agenda
	flying int
}

// task is one attempt to send an event.
type task struct {
	*plannedEvent
	at    time.Duration
	again bool
}

// agenda is a heap of tasks by time.
type agenda []task

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }

// Push implements heap.Interface.
func (a *agenda) Push(x any) { *a = append(*a, x.(task)) }

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func newDriver(url string, p *plan, seed uint64) *driver {
	d := &driver{
		url:    url,
		random: rand.New(rand.NewPCG(seed, 3)),
		client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: clientCount}},
	}
	for _, h := range p.events {
		d.queue = append(d.queue, task{plannedEvent: h, at: h.due})
	}
	heap.Init(&d.queue)
	return d
}

// run returns when everything is acknowledged, or an answer is wrong.
func (d *driver) run(ctx context.Context) error {
	began := clock.Wall()
	clients, ctx := errgroup.WithContext(ctx)
	for range clientCount {
		clients.Go(func() error { return d.send(ctx, began) })
	}
	return clients.Wait()
}

// send sends what is due until nothing is left.
func (d *driver) send(ctx context.Context, began time.Time) error {
	for {
		tasks, over := d.next(clock.Wall().Sub(began))
		if over {
			return nil
		}
		if len(tasks) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		wait, err := d.post(ctx, tasks)
		if err != nil {
			return err
		}
		d.settle(tasks, clock.Wall().Sub(began), wait)
	}
}

// next takes tasks that are due, in random order; over is true when none are left.
func (d *driver) next(now time.Duration) (tasks []task, over bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	most := 1
	if d.random.Float64() < 0.5 {
		most = 1 + d.random.IntN(maxBatch)
	}
	var waiting []task
	for len(tasks) < most && len(d.queue) > 0 && d.queue[0].at <= now {
		t := heap.Pop(&d.queue).(task)
		if t.needs != nil && t.needs.acknowledged.Load() == nil {
			t.at = now + 200*time.Millisecond
			waiting = append(waiting, t)
			continue
		}
		if t.forget != nil && len(tasks) > 0 { // it is a call of its own
			waiting = append(waiting, t)
			break
		}
		tasks = append(tasks, t)
		if t.forget != nil {
			break
		}
	}
	for _, t := range waiting {
		heap.Push(&d.queue, t)
	}
	d.random.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	d.flying += len(tasks)
	return tasks, len(tasks) == 0 && len(d.queue) == 0 && d.flying == 0
}

// settle removes acknowledged tasks (wait < 0), or schedules the tasks again.
func (d *driver) settle(tasks []task, now, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flying -= len(tasks)
	at := clock.Wall()
	for _, t := range tasks {
		if wait < 0 {
			t.acknowledged.CompareAndSwap(nil, &at)
		}
		switch {
		case wait >= 0:
			t.at = now + wait + time.Duration(d.random.IntN(500))*time.Millisecond
			heap.Push(&d.queue, t)
		case !t.again && t.twice > 0:
			t.again, t.at = true, now+t.twice
			heap.Push(&d.queue, t)
		}
	}
}

// post sends tasks in one call. wait is negative where they were acknowledged; otherwise it is how long to wait
// before the next attempt.
func (d *driver) post(ctx context.Context, tasks []task) (wait time.Duration, err error) {
	if tasks[0].forget != nil {
		return d.forget(ctx, tasks[0].forget)
	}
	calls := make([]map[string]any, len(tasks))
	for i, t := range tasks {
		calls[i] = map[string]any{"messageId": t.id}
		if t.device == "" {
			calls[i]["userId"] = t.customer
		}
		if known := t.device + t.login; known != "" {
			calls[i]["anonymousId"] = known
		}
		for k, v := range t.body {
			calls[i][k] = v
		}
		if t.early > 0 {
			calls[i]["timestamp"] = clock.Wall().Add(-t.early).Format(time.RFC3339Nano)
		}
	}
	raw, path, bad, set, err := d.write(calls)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+path, bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range set {
		req.Header.Set(name, value)
	}
	req.SetBasicAuth("chaos", "")
	resp, said, err := d.ask(req)
	switch {
	case resp == nil:
		return 300 * time.Millisecond, ctx.Err()
	case resp.StatusCode/100 == 2 && err != nil:
		d.failed.Add(1)
		return 300 * time.Millisecond, ctx.Err()
	case resp.StatusCode/100 == 2:
		refused, err := refusals(said)
		if err == nil && !slices.Equal(refused, bad) {
			err = fmt.Errorf("of a batch with junk at %v the calls %v were refused", bad, refused)
		}
		d.refused.Add(int64(len(refused)))
		return -1, err
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode/100 == 5:
		d.failed.Add(1)
		return 500 * time.Millisecond, nil
	}
	return 0, fmt.Errorf("the gateway refuses %s: %s: %s", path, resp.Status, said)
}

// ask sends a request and reads what is answered. There is no response where the gateway was not reached; that attempt is counted.
func (d *driver) ask(req *http.Request) (resp *http.Response, said []byte, err error) {
	d.attempts.Add(1)
	if resp, err = d.client.Do(req); err != nil {
		d.failed.Add(1)
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err = io.ReadAll(resp.Body)
	return resp, said, err
}

// write returns the body of a request, its path, the indexes of the calls that must be refused, and headers. A third of
// the requests are as an odd client writes them, and have junk among their calls.
func (d *driver) write(calls []map[string]any) (raw []byte, path string, bad []int, set map[string]string, err error) {
	d.mu.Lock()
	r := rand.New(rand.NewPCG(d.random.Uint64(), 5))
	d.mu.Unlock()
	odd := r.Float64() < oddClients
	path = "/v1/batch"
	var list []any
	for _, call := range calls {
		if odd && r.IntN(3) == 0 {
			bad = append(bad, len(list))
			list = append(list, junk(r))
		}
		if odd {
			oddCall(r, call)
		}
		list = append(list, call)
	}
	var body any = map[string]any{"batch": list}
	if kind, _ := calls[0]["type"].(string); len(list) == 1 {
		body, path = calls[0], "/v1/"+strings.ToLower(kind)
	}
	if raw, err = json.Marshal(body); err != nil || !odd {
		return raw, path, bad, nil, err
	}
	set = map[string]string{}
	raw = oddBody(r, raw, func(name, value string) { set[name] = value })
	return raw, path, bad, set, nil
}
