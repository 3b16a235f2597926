// Package workflows is the interpreter: it runs one enrollment of a customer as one Temporal workflow. It is
// deterministic: no clock, randomness, map order or I/O except through activities.
//
// Read it in this order:
//
//   - journey.go: the run, and the walk over the flat program.
//   - state.go: the snapshot, all state that survives continue-as-new.
//   - handlers.go, handle_outbox.go, rules.go: what arrives at a run, and which rules it fires.
//   - wait.go, wait_loop.go, catch_up.go, intent_levels.go: how a run waits.
//   - conditions.go, activity_calls.go, send.go: what a run asks of activities.
//   - step_*.go: one file per step kind, listed in registry.go.
//   - migrate.go, versions.go: other revisions and other interpreters. query.go: what people see.
package workflows
