// Package ingest accepts what happens to customers: one transaction stores the event, changes the profile, opens
// enrollments and writes the outbox. A 2xx answer means that this transaction is committed.
//
// Small requests share transactions (group commit): those that come while one is running wait for the next one, which takes
// all of them. Nobody waits for others to come: where none is running, a request runs at once and alone. If a shared
// transaction fails, each of its requests runs by itself, so that a bad request refuses only itself.
package ingest
