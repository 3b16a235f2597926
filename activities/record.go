package activities

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/segmentcall"
	"github.com/tabi-journeys/tabi/internal/tolerant"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Record ingests an event that came over Temporal, as the gateway ingests one that came over HTTP: the same reader, the same limits.
// Whoever reaches Temporal may send it, so it changes no address and no permission, unless the installation trusts that.
func (a *Activities) Record(ctx context.Context, in contract.Record) (contract.TrackResult, error) {
	at := a.cfg.Clock
	if in.Clock != (clock.Clock{}) {
		at = in.Clock
	}
	now := a.cfg.Now(at)
	door, raw := rejection.Track, []byte(in.Raw)
	if in.Enrollment != "" {
		door = rejection.Signal
	}
	if len(raw) == 0 {
		var err error
		if raw, err = json.Marshal(in.Call); err != nil {
			return contract.TrackResult{}, invalidInput("the event is no JSON: " + err.Error())
		}
	}
	refuse := func(p *tolerant.Problem, value any) (contract.TrackResult, error) {
		a.cfg.Doors.Rejected(ctx, now, door, []rejection.Refused{{Problem: *p, Value: value, Bytes: len(raw)}})
		return contract.TrackResult{}, invalidInput(p.Message)
	}
	value, err := tolerant.Decode(raw)
	if err != nil {
		return refuse(&tolerant.Problem{Code: tolerant.Malformed, Message: "the event is no JSON: " + err.Error()}, nil)
	}
	fields, _ := value.(map[string]any)
	if tolerant.Empty(fields["type"]) && fields != nil {
		fields["type"] = segmentcall.Track
	}
	call, changes, problem := segmentcall.Reader{Source: "temporal"}.Read(
		segmentcall.Element{Value: value, Bytes: len(raw), Owned: in.Enrollment != "", ID: in.ID})
	if problem == nil && !a.cfg.Trusted {
		problem = segmentcall.Protected("", &call, "a channel over Temporal")
		dropped := segmentcall.KeepContext(&call, func(name string) bool { return !segmentcall.ProtectedTraits[name] })
		for _, name := range dropped {
			changes = append(changes, tolerant.Change{Field: "context." + name, Kind: tolerant.ContextTrait})
		}
	}
	if problem != nil {
		return refuse(problem, value)
	}
	a.cfg.Doors.Adjusted(door, changes)
	receipt, err := a.store(ctx, in, at, call)
	var over *limits.Error
	switch {
	case errors.As(err, &over) && over.Retry() && in.Enrollment == "":
		return contract.TrackResult{}, err // Temporal repeats it until it is stored
	case errors.As(err, &over):
		return refuse(&tolerant.Problem{Code: over.Code, Message: over.Message}, value)
	case errors.Is(err, customer.ErrTaken):
		return refuse(&tolerant.Problem{Code: tolerant.Taken, Message: err.Error()}, value)
	case message.IsInput(err):
		return refuse(&tolerant.Problem{Code: tolerant.Invalid, Message: err.Error()}, value)
	case err != nil:
		return contract.TrackResult{}, err
	}
	if receipt.Forgotten {
		a.cfg.Doors.Adjusted(door, []tolerant.Change{{Kind: rejection.Forgotten}})
	}
	return contract.TrackResult{ID: receipt.ID, Customer: receipt.Customer, Duplicate: receipt.Duplicate, Forgotten: receipt.Forgotten,
		Unnamed: a.cfg.Pseudonyms}, nil
}

// store stores a call: as one of an enrollment's customer of now, or of the customer whom it names.
func (a *Activities) store(ctx context.Context, in contract.Record, at clock.Clock, call customer.SegmentCall) (customer.Receipt, error) {
	if in.Enrollment != "" {
		return a.cfg.Rooms.Intake.Record(ctx, a.cfg.Now(at), in.Enrollment, call)
	}
	receipts, err := a.cfg.Rooms.Intake.Ingest(ctx, a.cfg.Now(at), []customer.SegmentCall{call})
	if err != nil {
		return customer.Receipt{}, err
	}
	if receipts[0].Taken {
		return customer.Receipt{}, customer.ErrTaken
	}
	return receipts[0], nil
}
