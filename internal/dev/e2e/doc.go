// Package e2e holds the acceptance tests: the real binaries and the real parts together, against a real
// Temporal server, real SMTP and HTTP, SQLite and PostgreSQL. It has no code of its own.
package e2e
