package activities

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/template"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// renderTreatment picks the treatment by channel, tone and language, and renders it.
func (a *Activities) renderTreatment(
	ctx context.Context,
	spec channel.Spec,
	reservation message.Reservation,
	data map[string]any,
	links pageLinks,
	at []zap.Field,
) (map[string]string, error) {
	treatment := render.Pick(reservation.Message, spec.Name, reservation.Verdict.Tone, reservation.Language)
	if treatment == nil && spec.Any {
		treatment = render.PickAny(reservation.Message, spec.Name, a.cfg.Specs, reservation.Verdict.Tone, reservation.Language)
	}
	return render.Render(
		ctx,
		spec,
		treatment,
		reservation.Vars,
		data,
		render.Options{
			Unsubscribe: links.unsubscribe, Preferences: links.preferences, Confirm: links.confirm, Links: links.tracked,
			Language: reservation.Language, Odd: a.logOdd(at),
		},
	)
}

// logOdd returns a function that logs values which a template could not use. A note holds no customer data.
func (a *Activities) logOdd(at []zap.Field) func(string, template.Note) {
	return func(field string, note template.Note) {
		a.cfg.Logger.Info("template could not use a value and was rendered without it", append(slices.Clip(at),
			zap.String("field", field), zap.Stringer("note", note))...)
		if a.cfg.OddValue != nil {
			a.cfg.OddValue(field, note)
		}
	}
}

// said returns the part of the fields that was sent.
func said(spec channel.Spec, receipt channel.Receipt, fields map[string]string) map[string]string {
	if !spec.Sessions {
		return fields
	}
	out := maps.Clone(fields)
	maps.DeleteFunc(out, func(name, _ string) bool { return (name == "text") != receipt.Session })
	return out
}

// wrote returns how long ago somebody wrote from an address, as channels get it; 0: never, or not known.
func (a *Activities) wrote(in contract.Send, reservation message.Reservation, address string) time.Duration {
	at, ok := reservation.Verdict.Wrote[address]
	if !ok {
		return 0
	}
	return max(a.cfg.Now(in.Clock).Sub(at), time.Millisecond)
}

// noteSpec lets the note of a hand-off be rendered like a treatment.
var noteSpec = channel.Spec{Name: "handoff", Fields: []channel.Field{{Name: "note"}}}

// renderNote renders the note of a hand-off for the agent.
func (a *Activities) renderNote(ctx context.Context, source string, vars expr.Vars, at []zap.Field) (string, error) {
	fields, err := render.Render(ctx, noteSpec, journey.Treatment{"note": source}, vars, nil, render.Options{Odd: a.logOdd(at)})
	return fields["note"], err
}

// RenderNow renders a message on a channel where the customer is present. It returns nil if the message has no
// treatment for the channel.
func RenderNow(ctx context.Context, on channel.Spec, m *journey.Message, tone, language string, vars expr.Vars) (map[string]string, error) {
	treatment := render.Pick(m, on.Name, tone, language)
	if treatment == nil {
		return nil, nil
	}
	return render.Render(ctx, on, treatment, vars, nil, render.Options{Language: language})
}

// Rendered is a message as it was rendered for one customer, with what it was rendered from.
type Rendered struct {
	Spec     channel.Spec // of the channel
	Message  *journey.Message
	Tone     string // as the policy chose it
	Language string // the customer's
	Category string // journey.Transactional, else marketing
	Step     string // that sends it
	Topic    string // of the send; empty: none
	Vars     expr.Vars
	Data     map[string]any    // of the send, evaluated
	Fields   map[string]string // of the treatment; nil with Err
	Err      error             // why it could not be rendered
}
