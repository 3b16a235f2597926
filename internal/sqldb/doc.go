// Package sqldb opens the database, SQLite (embedded) or PostgreSQL, migrates it, and runs transactions on it with one SQL
// text for both. It knows no table except settings. Times in the database are Unix milliseconds, 0 for none.
package sqldb
