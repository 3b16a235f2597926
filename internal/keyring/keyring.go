// Package keyring keeps the keys by which Temporal's histories are encrypted: one for each customer, and one for what belongs to no
// customer. The database holds them wrapped by a master key, which it never sees.
//
// Who deletes a customer's key makes everything unreadable that was encrypted by it, also in places that cannot be changed: histories,
// archives, backups of Temporal. Two things would undo that. A copy of the key in a process: so a process uses a key no longer than
// CacheLife, and asks the database again, which fails if the key is gone. And a backup of the database: its life is the life of the
// keys in it (docs/decisions/0031).
package keyring

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

const (
	// CacheLife is how long a process uses a key without a look at the database: a deleted key stops decrypting everywhere within it.
	CacheLife = time.Minute
	cacheSize = 20_000 // keys, and workflow ids
	// sharedLife is how long a key of no customer encrypts. A random nonce allows 2³² messages a key.
	sharedLife = 30 * 24 * time.Hour
)

// ErrNoKey says that a key does not exist: it was deleted with its customer, or belongs to another database.
var ErrNoKey = errors.New("its key does not exist: the customer was forgotten, or another database has it")

// A Key encrypts and decrypts. Its id may be shown.
type Key struct {
	ID       string
	Customer string      // whose it is; empty: a shared one
	AEAD     cipher.AEAD // puts a random nonce before the ciphertext
}

// Room keeps the keys.
type Room struct {
	db *sqldb.Database

	mu      sync.RWMutex
	masters *Masters // nil: not encrypted

	keys      *cache // by id
	workflows *cache // by workflow id
}

// New returns the room. Until Use, it has no master keys, and returns no keys.
func New(db *sqldb.Database) *Room {
	return &Room{db: db, keys: newCache(), workflows: newCache()}
}

// SetWall sets the clock by which keys expire, before anything else, for tests.
func (s *Room) SetWall(wall func() time.Time) { s.keys.wall, s.workflows.wall = wall, wall }

// Use sets the master keys.
func (s *Room) Use(m *Masters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.masters = m
}

// Masters returns the master keys; nil: nothing is encrypted.
func (s *Room) Masters() *Masters {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.masters
}

// errNoMasters: a payload is encrypted, and this process has no master key.
var errNoMasters = errors.New("TABI_MASTER_KEYS is not set")

// ByID returns the key with that id. It returns ErrNoKey if there is none, and another error if the database does not answer.
func (s *Room) ByID(ctx context.Context, id string) (*Key, error) {
	if k, ok := s.keys.Get(id); ok {
		return k, nil
	}
	k, err := s.first(ctx, `select id, customer, wrapped, master from customer_keys where id = $1`, id)
	if err == nil && k == nil {
		err = fmt.Errorf("data key %s: %w", id, ErrNoKey)
	}
	return k, err
}

// ForWorkflow returns the key that encrypts for a workflow: of the customer whose enrollment it is, or the shared one. It creates
// the key that does not exist.
func (s *Room) ForWorkflow(ctx context.Context, workflowID string) (*Key, error) {
	if k, ok := s.workflows.Get(workflowID); ok {
		return k, nil
	}
	var customer string
	var id, wrapped, master sql.NullString
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error { return r.Scan(&customer, &id, &wrapped, &master) },
		`select e.customer, k.id, k.wrapped, k.master from enrollment_states e left join customer_keys k
		on k.customer = e.customer and k.customer <> '' where e.workflow_id = $1 order by e.id desc limit 1`, workflowID)
	if err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	var k *Key
	switch {
	case customer == "":
		k, err = s.Shared(ctx)
	case id.Valid:
		k, err = s.open(id.String, customer, wrapped.String, master.String)
	default:
		k, err = s.ForCustomer(ctx, customer)
	}
	if err == nil {
		s.workflows.Add(workflowID, k)
	}
	return k, err
}

// ForCustomer returns the key of a customer, by the id of a row of customers, and creates the one that does not exist.
func (s *Room) ForCustomer(ctx context.Context, customer string) (*Key, error) {
	k, err := s.first(ctx, `select id, customer, wrapped, master from customer_keys where customer = $1 and customer <> ''`, customer)
	if k != nil || err != nil {
		return k, err
	}
	if err := s.create(ctx, "c", customer); err != nil {
		return nil, err
	}
	k, err = s.first(ctx, `select id, customer, wrapped, master from customer_keys where customer = $1 and customer <> ''`, customer)
	if err == nil && k == nil {
		err = ErrNoKey // the customer was forgotten
	}
	return k, err
}

// sharedName is the cache's name of the newest key of no customer. No key has an id like it.
const sharedName = "shared"

// Shared returns the key for what belongs to no customer. A new one is made from time to time; all decrypt.
func (s *Room) Shared(ctx context.Context) (*Key, error) {
	if k, ok := s.keys.Get(sharedName); ok {
		return k, nil
	}
	query, since := `select id, customer, wrapped, master from customer_keys where customer = '' and created_at > $1
		order by created_at desc, id limit 1`, sqldb.Millis(clock.Wall().Add(-sharedLife))
	k, err := s.first(ctx, query, since)
	if err == nil && k == nil {
		if err = s.create(ctx, "n", ""); err == nil {
			k, err = s.first(ctx, query, since)
		}
	}
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, ErrNoKey
	}
	s.keys.Add(sharedName, k)
	return k, nil
}

// create stores a new key, unless the customer has one, or is no more. It locks the customer: a key that is made while the last rows of
// a forgotten customer go would name it for ever.
func (s *Room) create(ctx context.Context, kind, customerID string) error {
	m := s.Masters()
	if m == nil {
		return errNoMasters
	}
	raw := make([]byte, keyBytes+12)
	if _, err := rand.Read(raw); err != nil {
		return err
	}
	id := kind + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[keyBytes:]))
	wrapped, master := m.wrap(id, raw[:keyBytes])
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		if customerID != "" {
			if _, err := customer.LockOwner(ctx, tx, `select cast($1 as text)`, customerID); errors.Is(err, sqldb.ErrNotFound) {
				return nil
			} else if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `insert into customer_keys (id, customer, wrapped, master, created_at) values ($1, $2, $3, $4, $5)
			on conflict do nothing`, id, customerID, wrapped, master, sqldb.Millis(clock.Wall()))
		return err
	})
}

// first returns the key in the first row of a query; nil if there is none.
func (s *Room) first(ctx context.Context, query string, args ...any) (*Key, error) {
	var id, customer, wrapped, master string
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error { return r.Scan(&id, &customer, &wrapped, &master) }, query, args...)
	if err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	if id == "" {
		return nil, nil
	}
	return s.open(id, customer, wrapped, master)
}

// open unwraps a key and keeps it.
func (s *Room) open(id, customer, wrapped, master string) (*Key, error) {
	m := s.Masters()
	if m == nil {
		return nil, errNoMasters
	}
	raw, err := m.unwrap(id, wrapped, master)
	if err != nil {
		return nil, err
	}
	aead, err := gcm(raw)
	if err != nil {
		return nil, err
	}
	k := &Key{ID: id, Customer: customer, AEAD: aead}
	s.keys.Add(id, k)
	return k, nil
}
