package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// databaseBytes holds the sizes of the databases in bytes: tabi's, and Temporal's.
type databaseBytes struct{ tabi, temporal float64 }

// databaseSizes measures the databases of an environment.
func (w *environment) databaseSizes(ctx context.Context) (databaseBytes, error) {
	if !strings.HasPrefix(w.config.Database, "postgres") {
		return databaseBytes{tabi: fileSize(w.config.Database), temporal: fileSize(w.server.file)}, nil
	}
	db, err := sql.Open("pgx", w.config.Database)
	if err != nil {
		return databaseBytes{}, err
	}
	defer func() { _ = db.Close() }()
	var d databaseBytes
	err = db.QueryRowContext(ctx,
		`select pg_database_size(current_database()), pg_database_size('temporal') + pg_database_size('temporal_visibility')`).
		Scan(&d.tabi, &d.temporal)
	return d, err
}

// fileSize returns the size of a SQLite database with its write-ahead log.
func fileSize(path string) float64 {
	all, _ := filepath.Glob(path + "*")
	total := 0.0
	for _, p := range all {
		if info, err := os.Stat(p); err == nil {
			total += float64(info.Size())
		}
	}
	return total
}

// putDatabaseSizes adds the databases' sizes with `size` enrollments waiting, and the growth per enrollment since
// `was`.
func putDatabaseSizes(out *section, now, before databaseBytes, size, was int) {
	label := figure(float64(size)) + " waiting"
	const mib = 1 << 20
	out.put("tabi's database, "+label, now.tabi/mib, "MiB")
	out.put("Temporal's databases, "+label, now.temporal/mib, "MiB")
	if more := float64(size - was); was > 0 && more > 0 {
		each := fmt.Sprintf(", each from %s to %s", figure(float64(was)), label)
		out.put("tabi's database"+each, (now.tabi-before.tabi)/more, "bytes/enrollment")
		out.put("Temporal's databases"+each, (now.temporal-before.temporal)/more, "bytes/enrollment")
	}
}
