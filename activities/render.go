package activities

import (
	"context"

	"github.com/tabi-journeys/tabi/activities/channel"
	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
)

// renderTreatment picks the treatment for the channel, the tone that was decided and the language, and renders it.
func renderTreatment(
	ctx context.Context,
	spec journey.ChannelSpec,
	held store.Reservation,
	data map[string]any,
	unsubscribe string,
) (map[string]string, error) {
	treatment := render.Pick(held.Message, spec.Name, held.Verdict.Tone, held.Language)
	if treatment == nil && spec.Any {
		treatment = render.PickAny(held.Message, spec.Name, channel.Specs(), held.Verdict.Tone, held.Language)
	}
	return render.Render(ctx, spec, treatment, held.Vars, data, render.Options{Unsubscribe: unsubscribe, Language: held.Language})
}

// noteSpec lets the note of a hand-off be rendered as a treatment is.
var noteSpec = journey.ChannelSpec{Name: "handoff", Fields: []journey.ChannelField{{Name: "note"}}}

// renderNote renders the note of a hand-off for the agent.
func renderNote(ctx context.Context, source string, vars journey.Vars) (string, error) {
	fields, err := render.Render(ctx, noteSpec, journey.Treatment{"note": source}, vars, nil, render.Options{})
	return fields["note"], err
}

// RenderNow makes what a message says on a channel, for a customer who is there; nothing where it says nothing there.
func RenderNow(ctx context.Context, on string, m *journey.Message, tone, language string, vars journey.Vars) (map[string]string, error) {
	treatment := render.Pick(m, on, tone, language)
	if treatment == nil {
		return nil, nil
	}
	for _, spec := range channel.Specs() {
		if spec.Name == on {
			return render.Render(ctx, spec, treatment, vars, nil, render.Options{Language: language})
		}
	}
	return nil, nil
}
