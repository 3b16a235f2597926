package background

import "context"

// prune returns a page that walks through the customers. After an error the next page begins where Prune says.
func (j *Jobs) prune() func(context.Context) (bool, error) {
	after := ""
	return func(ctx context.Context) (more bool, err error) {
		pruned, err := j.cfg.Retention.Prune(ctx, j.now(), j.cfg.Keep, after, prunePage)
		after = pruned.Next
		return pruned.More, err
	}
}
