package activities

import (
	"context"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
)

// renderTreatment picks the treatment by channel, tone and language, and renders it.
func (a *Activities) renderTreatment(
	ctx context.Context,
	spec channel.Spec,
	reservation message.Reservation,
	data map[string]any,
	unsubscribe string,
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
		render.Options{Unsubscribe: unsubscribe, Language: reservation.Language},
	)
}

// noteSpec lets the note of a hand-off be rendered like a treatment.
var noteSpec = channel.Spec{Name: "handoff", Fields: []channel.Field{{Name: "note"}}}

// renderNote renders the note of a hand-off for the agent.
func renderNote(ctx context.Context, source string, vars expr.Vars) (string, error) {
	fields, err := render.Render(ctx, noteSpec, journey.Treatment{"note": source}, vars, nil, render.Options{})
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
