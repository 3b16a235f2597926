// Package audit keeps who did what: what people did and looked at, by pages, the admin API, commands and Temporal, and what tabi did on
// its own. Events of customers are not part of it.
//
// The log is a chain. Each entry has the hash of the one before in its own, so that a row that was changed, added or deleted by hand is
// found by Verify. A deleted end is found by comparing with the number and the hash in the log lines, which leave the machine.
//
// The chain costs three short statements for each entry. They are the last ones of the transaction that does what the entry says, so
// that one does not exist without the other, and nobody waits for the lock of the chain longer than for a commit. Nothing that customers
// do takes part.
//
// Entries hold names, ids and codes: no secret, and nothing personal of a customer beyond ids. Forget takes the ids out of the entries of
// a customer who is forgotten, and leaves the chain whole. See docs/decisions/0029.
package audit
