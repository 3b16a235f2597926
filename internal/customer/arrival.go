package customer

import (
	"context"
	"strings"

	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// An Arrival is an event that has arrived, with what the rooms tell each other while they look at it in turn.
type Arrival struct {
	*Event
	Patch   map[string]any // the change to the profile that the call itself makes; nil: none
	Changed []string       // top-level traits that the event, or a merge of the same call, has changed; sorted
	Enter   string         // enter only this journey; see SegmentCall
	Receipt *Receipt

	Context  map[string]any // see SegmentCall
	Backfill bool           // history, which reaches no journey; see SegmentCall

	NeverRefused bool // see SegmentCall
}

// OnEvent does a room's part when an event of a locked customer arrives.
type OnEvent func(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *Arrival) error

// ApplyTraits is the first OnEvent hook of this room: it applies the traits that the event changes.
func ApplyTraits(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *Arrival) error {
	patch := a.Patch
	consequences := consequence(a.Name, a.Properties)
	if consequences != nil {
		patch = Overlay(patch, consequences)
	}
	switch {
	case a.Backfill:
		var err error
		if patch, err = historic(ctx, b, p, a.At, patch); err != nil {
			return err
		}
	case len(a.Context) > 0:
		patch = fromContext(p.Traits, patch, a.Context, a.At)
		if err := claim(ctx, b, p, a, patch); err != nil {
			return err
		}
	}
	if len(patch) == 0 {
		return nil
	}
	patch, _, err := sqldb.Normal(patch)
	if err != nil {
		return err
	}
	a.Receipt.Warnings = append(a.Receipt.Warnings, doubtful(patch)...)
	before := p.Traits
	traits, more, problems, err := applyPatch(ctx, b, p.Traits, patch)
	if err != nil {
		return err
	}
	for _, problem := range problems {
		a.Receipt.Warnings = append(a.Receipt.Warnings, "traits."+problem.String())
	}
	if len(more) == 0 {
		p.Traits = traits
		return nil
	}
	optOut := consequences != nil && a.Patch == nil || strings.HasPrefix(a.ID, event.PreferencePrefix)
	if over := b.Units.Limits.Traits(before, traits, optOut); over != nil {
		if len(a.Context) == 0 {
			return over
		}
		a.Context = nil // libraries repeat it in each call: the call itself may fit
		a.Receipt.Warnings = []string{"context: left out, since the customer's traits would be too large with it"}
		return ApplyTraits(ctx, b, p, a)
	}
	p.Traits, p.Dirty = traits, true
	a.Changed = sqldb.Sorted(append(a.Changed, more...))
	if patch[consent.Trait] == nil || a.Backfill { // consent of the past lifts no opt-out of today
		return nil
	}
	return optInAgain(ctx, b, a, before, p.Traits)
}

// StoreEvent is the second OnEvent hook of this room: it adds the event to the log.
func StoreEvent(_ context.Context, b *unit.Unit, _ *unit.LockedCustomer, a *Arrival) error {
	AppendEvent(b, a.Event)
	return nil
}
