package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// InMemory is the URL of a database of its own that ends with the Store.
const InMemory = ":memory:"

// memory opens an empty database in memory: one connection, no file, nothing to sync.
func memory() *sql.DB {
	db := openLite(
		InMemory+"?_pragma=foreign_keys(1)&_pragma=journal_mode(MEMORY)&_pragma=synchronous(OFF)"+
			"&_pragma=temp_store(MEMORY)&_txlock=immediate",
		nil,
	)
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	db.SetConnMaxIdleTime(0)
	db.SetConnMaxLifetime(0)
	return db
}

// image is an empty database of this build's schema, migrated once per process: hundreds of simulations open one each.
var image = sync.OnceValues(func() (raw []byte, err error) {
	ctx := context.Background()
	s := &Database{Writer: memory()}
	s.Reader = s.Writer
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Migrate(ctx); err != nil {
		return nil, err
	}
	err = rawSQLite(ctx, s.Writer, func(c sqliteConn) error {
		raw, err = c.Serialize()
		return err
	})
	return raw, err
})

// sqliteConn is what the driver's connection can do beyond database/sql.
type sqliteConn interface {
	Serialize() ([]byte, error)
	Deserialize([]byte) error
}

func rawSQLite(ctx context.Context, db *sql.DB, f func(sqliteConn) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	err = c.Raw(func(driver any) error {
		own, ok := driver.(sqliteConn)
		if !ok {
			return errors.New("the SQLite driver cannot copy databases")
		}
		return f(own)
	})
	return errors.Join(err, c.Close())
}

// openMemory opens a private database in memory.
func (s *Database) openMemory(ctx context.Context) error {
	schema, err := image()
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	s.Writer = memory()
	s.Reader = s.Writer
	if err := rawSQLite(ctx, s.Writer, func(c sqliteConn) error { return c.Deserialize(schema) }); err != nil {
		return errors.Join(fmt.Errorf("database: %w", err), s.Close())
	}
	return nil
}
