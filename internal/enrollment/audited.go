package enrollment

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// withActs returns a context whose transaction records what people did with a run by Temporal itself. A report that is repeated may
// record it again.
func withActs(ctx context.Context, r contract.Report, counts *bool) context.Context {
	return audit.With(ctx, func(ctx context.Context, tx sqldb.Conn) (out []audit.Entry, err error) {
		if !*counts {
			return nil, nil
		}
		e, err := Get(ctx, tx, r.Enrollment)
		if err != nil {
			return nil, err
		}
		for _, a := range r.Acts {
			one := audit.Entry{
				Who: a.By, Door: audit.Temporal, What: "enrollment.command", Kind: "enrollment", ID: e.WorkflowID, Customer: e.Customer,
				Journey: e.Journey, Detail: audit.Detail{"command": a.Kind, "target": a.Target},
			}
			if one.Who == "" {
				one.Who = audit.Anyone
			}
			if a.Vain {
				one.Result, one.Reason = audit.Refused, "pointless"
			}
			out = append(out, one)
		}
		return out, nil
	})
}

// withClosing returns a context whose transaction records that tabi closed an enrollment by what it found in Temporal.
func withClosing(ctx context.Context, e **unit.EnrollmentRow, ended contract.Ended) context.Context {
	return audit.With(ctx, func(context.Context, sqldb.Conn) ([]audit.Entry, error) {
		if *e == nil {
			return nil, nil
		}
		return []audit.Entry{{
			Who: audit.Self, Door: audit.Automatic, What: "enrollment.close", Kind: "enrollment", ID: (*e).WorkflowID,
			Customer: (*e).Customer, Journey: (*e).Journey, Detail: audit.Detail{"outcome": ended.Outcome},
		}}, nil
	})
}
