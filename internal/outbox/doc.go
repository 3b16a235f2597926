// Package outbox holds what is committed and not delivered to Temporal yet: starts, events and commands, in order per
// enrollment.
//
// A relay leases an enrollment, not an entry: entries of one enrollment are delivered strictly in order, and the fencing
// token makes a relay that lost its lease harmless. A lease that expires is taken by another relay, which delivers the same
// entries again; the run drops them by id. Fairness: due_at has three lanes. An enrollment that has not had a turn comes
// first; those of a customer with more than eight waiting enrollments come next; those that had a turn or failed come
// last, the longest ago first. Every fourth lease begins with the lanes that come last, so that nothing starves. Without
// the lanes, one customer with ten thousand enrollments, or one run that refuses its events, would hold up everybody.
package outbox
