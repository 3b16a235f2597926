package activities

import (
	"context"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Levels says which levels of the customer's intents hold, and when the next of those with `below` will by
// fading. Scores stay on the store's side.
func (a *Activities) Levels(ctx context.Context, in contract.Levels) (contract.LevelsResult, error) {
	result, err := a.cfg.Ports.Enrollments.Levels(ctx, a.cfg.Now(in.Clock), in)
	return result, asSupersededError(err)
}
