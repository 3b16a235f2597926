package activities

import (
	"context"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Levels reports which levels of the customer's intents hold, and when the next level with `below` will hold by
// fading. The scores themselves stay on the data side.
func (a *Activities) Levels(ctx context.Context, in contract.Levels) (contract.LevelsResult, error) {
	result, err := a.cfg.Rooms.Intents.Levels(ctx, a.cfg.Now(in.Clock), in)
	return result, asSupersededError(err)
}
