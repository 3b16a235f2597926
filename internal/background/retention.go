package background

import "context"

// prune returns a page that deletes old decisions, and walks through the customers to delete their old evidence. After an error
// the walk begins again.
func (j *Jobs) prune() func(context.Context) (bool, error) {
	after := ""
	return func(ctx context.Context) (more bool, err error) {
		if _, more, err = j.cfg.Offers.PruneDecisions(ctx, j.now(), j.cfg.Keep, prunePage); err != nil {
			after = ""
			return more, err
		}
		_, after, err = j.cfg.Intents.PruneEvidence(ctx, j.now(), j.cfg.Keep, after, prunePage)
		return more, err
	}
}
