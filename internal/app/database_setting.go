package app

import (
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Values that look like the address of a database server, and are none that tabi can use. As a file name such a value would
// show its password, and events would be accepted into a file that nobody looks at.
var (
	almostURL = regexp.MustCompile(`(?i)^postgres(ql)?[:/]|://|@`)
	keyValues = regexp.MustCompile(`(?i)\b(host|hostaddr|port|dbname|user|password|sslmode)\s*=`)
)

// CheckDatabase returns an error about the setting of the database, which does not contain its value. A PostgreSQL database is a
// postgres:// URL. A SQLite file is sqlite: and a path, or a path that ends in .db; empty means tabi.db in the data folder.
func (c *Config) CheckDatabase() error {
	text := c.Database
	wrong := ""
	switch {
	case text == "":
		return nil
	case strings.ContainsAny(text, "\"'`"):
		wrong = "has a quote in it: quotes belong to the shell, and env files keep them"
	case strings.TrimSpace(text) != text:
		wrong = "begins or ends with a space or a line break"
	case c.Postgres():
		if _, err := pgx.ParseConfig(text); err != nil {
			wrong = "is not a complete PostgreSQL URL; a special character in the password must be percent-encoded"
		}
	case strings.HasPrefix(text, sqliteScheme):
		if strings.TrimPrefix(text, sqliteScheme) == "" {
			wrong = "names no file after sqlite:"
		} else if almostURL.MatchString(strings.TrimPrefix(text, sqliteScheme)) {
			wrong = "names a URL after sqlite:"
		}
	case keyValues.MatchString(text):
		wrong = "is a list of key=value pairs"
	case almostURL.MatchString(text):
		wrong = "looks like a URL, but does not begin with postgres:// or postgresql://, in lower case"
	case strings.HasSuffix(text, ".db") && !strings.ContainsAny(text, "\n\r\t"):
	default:
		wrong = "is neither a postgres:// URL nor a file that ends in .db"
	}
	if wrong == "" {
		return nil
	}
	return Usage("TABI_DATABASE (--database) %s. Give postgres://user:password@host:port/database, or a SQLite file as sqlite:PATH or as "+
		"a path that ends in .db; @FILE reads it from a file. The value is not shown, because it may hold a password", wrong)
}

const sqliteScheme = "sqlite:"

// databaseWords describes the database for the log, without user and password.
func (c *Config) databaseWords() string {
	if !c.Postgres() {
		path := c.DatabaseURL()
		if full, err := filepath.Abs(path); err == nil {
			path = full
		}
		return "sqlite, file " + path
	}
	config, err := pgx.ParseConfig(c.Database)
	if err != nil {
		return "postgresql"
	}
	where := net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	if len(config.Fallbacks) > 0 {
		for _, f := range config.Fallbacks {
			if at := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))); !strings.Contains(where, at) {
				where += "," + at
			}
		}
	}
	return "postgresql, database " + config.Database + " on " + where
}

// hostOf returns the host of a URL, for the log.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "set"
	}
	return u.Host
}
