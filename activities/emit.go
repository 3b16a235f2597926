package activities

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Emit makes an event of the customer. Its properties are evaluated where the data is; one without a value is left
// out.
func (a *Activities) Emit(ctx context.Context, in contract.Emit) error {
	prog, vars, err := a.loadVars(ctx, in.Ref, in.EvalContext)
	if err != nil {
		return err
	}
	properties := map[string]any{}
	for name, source := range in.Spec.Properties {
		if value, err := prog.Eval(source, vars); err == nil {
			properties[name] = expr.ToPlain(value)
		}
	}
	return asPermanentError(a.cfg.Rooms.Intake.Emit(ctx, vars.Now, in, properties))
}

// Move asks the data side to move an enrollment to another revision. It may refuse.
func (a *Activities) Move(ctx context.Context, in contract.Move) (contract.MoveResult, error) {
	result, err := a.cfg.Rooms.Enrollments.RecordMigration(ctx, a.cfg.Now(in.Clock), in)
	return result, asPermanentError(err)
}
