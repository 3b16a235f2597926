package activities

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Emit makes an event of the customer. Its properties are evaluated where the data is; one without a value is left
// out.
func (a *Activities) Emit(ctx context.Context, in contract.Emit) (contract.Unassigned, error) {
	var out contract.Unassigned
	prog, vars, err := a.loadVars(ctx, in.Ref, in.EvalContext)
	if err != nil {
		return out, err
	}
	properties := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(in.Spec.Properties)) {
		value, err := prog.Eval(in.Spec.Properties[name], vars)
		if err != nil {
			out.LeftOut = append(out.LeftOut, expr.LeftOut(name, expr.Why(err)))
			continue
		}
		properties[name] = expr.ToPlain(value)
	}
	err = a.cfg.Rooms.Intake.Emit(ctx, vars.Now, in, properties)
	return stopped(out, err), asPermanentError(unlimited(err))
}

// stopped notes in the result of a step that a limit kept it from what it does. The step passes, and the run's log has the reason.
func stopped(out contract.Unassigned, err error) contract.Unassigned {
	var over *limits.Error
	if errors.As(err, &over) {
		out.Stopped = over.Message
	}
	return out
}

// unlimited returns err unless it is a limits.Error.
func unlimited(err error) error {
	var over *limits.Error
	if errors.As(err, &over) {
		return nil
	}
	return err
}

// Move asks the data side to move an enrollment to another revision. It may refuse.
func (a *Activities) Move(ctx context.Context, in contract.Move) (contract.MoveResult, error) {
	result, err := a.cfg.Rooms.Enrollments.RecordMigration(ctx, a.cfg.Now(in.Clock), in)
	return result, asPermanentError(err)
}
