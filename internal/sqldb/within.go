package sqldb

import (
	"context"
	"fmt"
	"slices"
)

// AffectedWithin runs a statement for a list of ids, in pieces, and returns the number of rows that it changed. query has a place (%s) for
// the list, after the parameters in first.
func AffectedWithin(ctx context.Context, tx Conn, query string, ids []string, first ...any) (n int64, err error) {
	for piece := range slices.Chunk(ids, chunkSizes[0]) {
		args := slices.Clone(first)
		for _, id := range piece {
			args = append(args, id)
		}
		done, err := Affected(ctx, tx, fmt.Sprintf(query, List(len(first)+1, len(piece))), args...)
		if n += done; err != nil {
			return n, err
		}
	}
	return n, nil
}
