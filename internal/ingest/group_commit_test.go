package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/ingest"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Requests that arrive while a transaction runs share the next one. A refused request does not affect
// the others.
func TestGroupCommitSharesTransactions(t *testing.T) {
	t.Parallel()
	var in ingest.GroupCommit
	release, began := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	var sizes []int
	accept := func(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error) {
		if calls[0].MessageID == "first" {
			close(began)
			<-release
		}
		mu.Lock()
		sizes = append(sizes, len(calls))
		mu.Unlock()
		var out []customer.Receipt
		for _, c := range calls {
			switch c.MessageID {
			case "bad":
				return nil, sqldb.InputError("bad")
			case "worse":
				panic("worse")
			}
			out = append(out, customer.Receipt{ID: c.MessageID})
		}
		return out, ctx.Err()
	}
	var all sync.WaitGroup
	ask := func(ctx context.Context, id string, check func([]customer.Receipt, error)) {
		all.Go(func() {
			check(in.Take(ctx, enginetest.Noon, []customer.SegmentCall{{MessageID: id}, {MessageID: id + "+"}}, accept))
		})
	}
	good := func(id string) func([]customer.Receipt, error) {
		return func(r []customer.Receipt, err error) {
			if err != nil || len(r) != 2 || r[0].ID != id || r[1].ID != id+"+" {
				t.Errorf("%s got %v, %v", id, r, err)
			}
		}
	}
	ask(t.Context(), "first", good("first"))
	<-began
	waiting := func(n int) {
		for done := false; !done; {
			in.Mu.Lock()
			done = len(in.Waiting) == n
			in.Mu.Unlock()
		}
	}
	left, leave := context.WithCancel(t.Context())
	ask(left, "left", func(_ []customer.Receipt, err error) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("left: %v", err)
		}
	})
	waiting(1)
	leave()
	for i := range 5 {
		ask(t.Context(), fmt.Sprint(i), good(fmt.Sprint(i)))
	}
	ask(t.Context(), "bad", func(_ []customer.Receipt, err error) {
		if !message.IsInput(err) {
			t.Errorf("bad: %v", err)
		}
	})
	ask(t.Context(), "worse", func(_ []customer.Receipt, err error) {
		if err == nil {
			t.Error("got no error after a panic")
		}
	})
	waiting(8)
	close(release)
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(sizes) != 1+1+7 || sizes[0] != 2 || sizes[1] != 14 {
		t.Errorf("got transactions of %v calls", sizes)
	}
	for running := 1; running > 0; { // the last transaction ends after its callers have their answers
		in.Mu.Lock()
		running = in.Running
		in.Mu.Unlock()
	}
	waiting(0)
}

// Many connections send one call each, for new and known customers, and each message twice. Each message is stored once.
func TestIngestUnderLoad(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(nil)
		var all sync.WaitGroup
		for i := range 32 {
			all.Go(func() {
				for n := range 10 {
					id := fmt.Sprintf("m%d", (i*10+n)/2) // each id twice
					call := customer.SegmentCall{
						Type:       "track",
						MessageID:  id,
						UserID:     fmt.Sprintf("c%d", n),
						Event:      "Product Viewed",
						Properties: enginetest.Props{"n": n},
					}
					if r, err := s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{call}); err != nil || len(r) != 1 ||
						r[0].ID != id {
						s.T.Errorf("%v, %v", r, err)
					}
				}
			})
		}
		all.Wait()
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Events, c.Customers}, []int64{160, 5}) // the second message of an id names another customer, and is refused
	})
}
