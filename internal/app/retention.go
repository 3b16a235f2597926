package app

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// retention returns the rooms that delete what is old.
func (s *Services) retention() background.Retention {
	st := s.Store
	return background.Retention{
		Customers: st.Customers, Enrollments: st.Enrollments, Handoffs: st.Handoffs, Intents: st.Intents, Messages: st.Messages,
		Offers: st.Offers, Outbox: st.Outbox, Rejections: st.Rejections, Visitors: st.Erasure, Audit: st.Audit,
		TakeTurn: func(ctx context.Context, holder string, wall time.Time, change func(*retention.Turn)) (retention.Turn, bool, error) {
			return retention.TakeTurn(ctx, st.Database, holder, wall, change)
		},
		Noting: func(ctx context.Context, kind string, before time.Time) context.Context {
			return retention.Noting(ctx, kind, before, func(ctx context.Context, tx sqldb.Conn, from time.Time) error {
				return audit.Add(ctx, tx, audit.Entry{
					Who: audit.Self, Door: audit.Automatic, What: "retention.delete", Kind: kind,
					Detail: audit.Detail{"complete_since": from.Format(time.RFC3339)},
				})
			})
		},
	}
}
