package sqldb

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// counted adds a statement to a count that may be nil.
func counted(n *atomic.Int64) {
	if n != nil {
		n.Add(1)
	}
}

// statementCount counts the statements that go to PostgreSQL.
type statementCount struct{ n *atomic.Int64 }

var _ pgx.QueryTracer = (*statementCount)(nil)

// TraceQueryStart implements pgx.QueryTracer.
func (c *statementCount) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	switch word, _, _ := strings.Cut(data.SQL, " "); strings.ToLower(word) {
	case "begin", "commit", "rollback":
	default:
		counted(c.n)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (c *statementCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
