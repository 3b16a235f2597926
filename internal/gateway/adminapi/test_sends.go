package adminapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/samples"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/message"
)

// Tests says how tests of messages are sent.
type Tests struct {
	// Recipients may get tests: addresses, or domains of mail as @example.com. Anyone lets every address get them, in dev.
	Recipients []string
	Anyone     bool
	Channels   []channel.Spec
	// Start makes sure that the test of a ledger key is sent, and waits until it is, or ctx ends; nil: nothing can be sent.
	Start func(ctx context.Context, key string) error
}

// Limits of a test. Its texts are kept until it is sent.
const (
	testWait  = 10 * time.Second
	testBytes = 1 << 20
)

// testMark is put before a test, so that nobody takes it for the message.
const testMark = "[test] "

func (h *Handlers) getSample(ctx context.Context, in *api.SampleQuery) (*api.SampleCustomer, error) {
	_, content, err := h.rooms.Catalog.Content(ctx)
	if err != nil {
		return nil, err
	}
	audit.Of(ctx).About(in.Customer, "")
	v, err := samples.Vars(ctx, samples.Rooms{
		Customers: h.rooms.Customers, Enrollments: h.rooms.Enrollments, Intents: h.rooms.Intents,
	}, h.Now(), content, in.Name, in.Customer)
	if err != nil {
		return nil, unknownCustomer(in.Customer, err)
	}
	return &api.SampleCustomer{Customer: v.Customer, Entry: v.Entry, Intent: v.Intent, Now: v.Now}, nil
}

// sendTest writes a row of the ledger for each address, and has the workers send them. A repeat of the request finds the rows.
func (h *Handlers) sendTest(ctx context.Context, in *api.TestSendInput) (*api.TestSendResponse, error) {
	b := &in.Body
	audit.Of(ctx).Object("message", in.Name)
	audit.Of(ctx).Note("channel", b.Channel)
	var masked []string
	for _, to := range b.To {
		masked = append(masked, audit.MaskAddress(to))
	}
	audit.Of(ctx).Note("to", strings.Join(masked, ", "))
	spec, err := h.testable(b)
	if err != nil {
		return nil, err
	}
	if h.tests.Start == nil {
		return nil, errors.New("this process cannot send tests: ask a running tabi serve")
	}
	release, _, err := h.rooms.Catalog.Content(ctx)
	if err != nil {
		return nil, err
	}
	marked(b.Fields)
	var trials []message.Trial
	var keys []string
	for _, to := range b.To {
		t := message.Trial{
			Key: message.TrialKey(b.Request, b.Channel, to), Message: in.Name, Channel: b.Channel, Address: strings.TrimSpace(to),
			Tone: b.Tone, Language: b.Language, Fields: b.Fields,
		}
		if slices.Contains(keys, t.Key) {
			continue
		}
		state, err := h.rooms.Customers.AddressState(ctx, b.Channel, address.Fold(spec.Address, to))
		if err != nil {
			return nil, err
		}
		if state.Dead {
			t.Reason = "the address is dead: " + cmp.Or(state.Reason, "it bounced")
		}
		trials, keys = append(trials, t), append(keys, t.Key)
	}
	if err := h.rooms.Messages.AddTrials(ctx, h.Now(), release, trials); err != nil {
		return nil, err
	}
	if err := h.startTests(ctx, trials); err != nil {
		return nil, err
	}
	rows, err := h.rooms.Messages.Trials(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := &api.TestSendResponse{Tests: make([]api.TestSent, len(rows))}
	for i, t := range rows {
		out.Tests[i] = api.TestSent{Key: t.Key, To: t.Address, Status: t.Status, Reason: t.Reason}
	}
	return out, nil
}

// startTests starts the workflows of tests side by side, and waits for them.
func (h *Handlers) startTests(ctx context.Context, trials []message.Trial) error {
	ctx, cancel := context.WithTimeout(ctx, testWait)
	defer cancel()
	failed := make([]error, len(trials))
	var starts sync.WaitGroup
	for i, t := range trials {
		if t.Reason != "" {
			continue
		}
		starts.Go(func() { failed[i] = h.tests.Start(ctx, t.Key) })
	}
	starts.Wait()
	if err := errors.Join(failed...); err != nil {
		h.Log.Warn("a test could not be started; the same request starts it again", zap.Error(err))
		return &web.Error{Status: http.StatusServiceUnavailable, Code: "unavailable",
			Message: "the test is recorded, and could not be started: Temporal cannot be reached; repeat the request"}
	}
	return nil
}

// testable reports why a test is refused, and returns its channel.
func (h *Handlers) testable(b *api.TestSendRequest) (channel.Spec, error) {
	i := slices.IndexFunc(h.tests.Channels, func(s channel.Spec) bool { return s.Name == b.Channel })
	if i < 0 || h.tests.Channels[i].Any || h.tests.Channels[i].Address == "" {
		return channel.Spec{}, web.Bad("channel", fmt.Sprintf("no test can be sent by %q: it has no address", b.Channel))
	}
	spec := h.tests.Channels[i]
	size := 0
	for name, text := range b.Fields {
		if _, known := spec.Field(name); !known && name != "text" {
			return spec, web.Bad("fields", fmt.Sprintf("%s has no field %q", spec.Name, name))
		}
		if !utf8.ValidString(text) {
			return spec, web.Bad("fields", name+" is no UTF-8")
		}
		size += len(text)
	}
	switch {
	case len(b.Fields) == 0:
		return spec, web.Bad("fields", "must have the rendered treatment")
	case size > testBytes:
		return spec, web.Bad("fields", fmt.Sprintf("is larger than %d KiB", testBytes>>10))
	}
	for _, to := range b.To {
		if !h.tests.allows(to) {
			return spec, web.Forbidden("to", audit.MaskAddress(to)+" is not on the list of those who may get tests (TABI_TEST_RECIPIENTS)")
		}
	}
	return spec, nil
}

// allows reports whether an address may get tests.
func (t Tests) allows(to string) bool {
	to = strings.ToLower(strings.TrimSpace(to))
	if to == "" || strings.ContainsAny(to, "\r\n") {
		return false
	}
	return t.Anyone || slices.ContainsFunc(t.Recipients, func(listed string) bool {
		listed = strings.ToLower(strings.TrimSpace(listed))
		if strings.HasPrefix(listed, "@") {
			at := strings.LastIndex(to, "@")
			return at > 0 && to[at:] == listed
		}
		return listed != "" && to == listed
	})
}

// marked puts the mark before what a tester reads first.
func marked(fields map[string]string) {
	for _, name := range []string{"subject", "title", "text", "body"} {
		if text, ok := fields[name]; ok {
			if !strings.HasPrefix(text, testMark) {
				fields[name] = testMark + text
			}
			return
		}
	}
}
