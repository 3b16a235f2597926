package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/engine"
)

// openSQL creates a database with tabi's schema and customers, to be written by plain SQL in the fastest way known
// for each engine. With whole it writes all rows that tabi writes for an event: the customer's lock, the event and,
// where it is listened for, the enrollment and the outbox entry; otherwise the event alone.
func openSQL(ctx context.Context, s *server, name string, ids []string, whole bool) (intakeTarget, error) {
	url, err := s.database(name)
	if err != nil {
		return nil, err
	}
	st, err := engine.Open(ctx, engine.Options{URL: url, Channels: channels.Shipped().Specs()})
	if err != nil {
		return nil, err
	}
	err = (&environment{store: st}).ingestEvents(ctx, ids)
	if closing := st.Close(); err != nil || closing != nil {
		return nil, err
	}
	if strings.HasPrefix(url, "postgres") {
		p := &plainPostgres{whole: whole}
		for range singleClients {
			c, err := pgx.Connect(ctx, url)
			if err != nil {
				return nil, err
			}
			p.conns = append(p.conns, c)
		}
		return p, nil
	}
	return openPlainSQLite(ctx, url, whole)
}

// columns holds the rows of events by column, and the events that cause more rows.
type columns struct {
	customers, ids, of, names, properties []string
	enters, queued                        []intakeEvent
}

func columnsOf(events []intakeEvent) (columns, error) {
	var c columns
	for _, e := range events {
		text, err := json.Marshal(e.properties)
		if err != nil {
			return c, err
		}
		c.customers, c.ids, c.of = append(c.customers, e.customer), append(c.ids, e.id), append(c.of, e.customer)
		c.names, c.properties = append(c.names, e.name), append(c.properties, string(text))
		if e.enters {
			c.enters = append(c.enters, e)
		}
		if e.heard {
			c.queued = append(c.queued, e)
		}
	}
	slices.Sort(c.customers)
	c.customers = slices.Compact(c.customers)
	return c, nil
}

const (
	lockCustomers = `insert into customers (id, version, traits, created_at) select unnest($1::text[]), 1, '{}', $2::bigint
		on conflict (id) do update set version = customers.version + 1`
	// Arrays let one prepared statement insert any number of rows.
	insertEvents = `insert into events (id, customer, name, at, received_at, n, properties, source, depth)
		select unnest($1::text[]), unnest($2::text[]), unnest($3::text[]), $5::bigint, $5::bigint, 1, unnest($4::text[]), 'http', 0`
	insertEnrollment = `insert into enrollments (id, workflow_id, journey, revision, customer, instance_key, entry_event, entry_name, depth,
		entered_at, state, holdout, last_seq, queued_at)
		values ($1, $1, 'answered', '0123456789ab', $2, '', $3, 'Bench Started', 0, $4, 'open', 0, 1, $4)`
	queueMore      = `update enrollments set last_seq = $2 where id = $1`
	insertDelivery = `insert into outbox (enrollment, seq, kind, event, body, at) values ($1, $2, $3, $4, '', $5)`
)

// plainPostgres has a connection for each client. It sends each transaction in one round trip where the protocol
// allows it; events of a batch use COPY.
type plainPostgres struct {
	conns []*pgx.Conn
	whole bool
}

func (p *plainPostgres) close() error {
	for _, c := range p.conns {
		_ = c.Close(context.Background())
	}
	return nil
}

// rest queues the rows that an event causes besides its own.
func (p *plainPostgres) rest(b *pgx.Batch, c columns, now int64) {
	for _, e := range c.enters {
		b.Queue(insertEnrollment, e.hears, e.customer, e.id, now)
	}
	for _, e := range c.queued {
		kind := "start"
		if !e.enters {
			kind = "event"
			b.Queue(queueMore, e.hears, e.seq)
		}
		b.Queue(insertDelivery, e.hears, e.seq, kind, e.id, now)
	}
}

func (p *plainPostgres) batch(ctx context.Context, client int, events []intakeEvent) error {
	c, err := columnsOf(events)
	if err != nil {
		return err
	}
	now := clock.Wall().UnixMilli()
	tx, err := p.conns[client].Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if p.whole {
		b := &pgx.Batch{}
		b.Queue(lockCustomers, c.customers, now)
		p.rest(b, c, now)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"events"}, []string{"id", "customer", "name", "at", "received_at", "n", "properties",
		"source", "depth"},
		pgx.CopyFromSlice(len(c.ids), func(i int) ([]any, error) {
			return []any{c.ids[i], c.of[i], c.names[i], now, now, int64(i), c.properties[i], "http", int32(0)}, nil
		})); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func (p *plainPostgres) single(ctx context.Context, client int, e intakeEvent) error {
	c, err := columnsOf([]intakeEvent{e})
	if err != nil {
		return err
	}
	now := clock.Wall().UnixMilli()
	b := &pgx.Batch{} // one round trip, one implicit transaction
	if p.whole {
		b.Queue(lockCustomers, c.customers, now)
		p.rest(b, c, now)
	}
	b.Queue(insertEvents, c.ids, c.of, c.names, c.properties, now)
	return p.conns[client].SendBatch(ctx, b).Close()
}

// plainSQLite has one connection, since SQLite has one writer, and prepared statements.
type plainSQLite struct {
	db    *sql.DB
	whole bool
	turns chan struct{}
	many  map[int]*sql.Stmt // events, by number of rows
	lock  map[int]*sql.Stmt // customers
	one   map[string]*sql.Stmt
}

// sqliteRows are the numbers of rows that a statement can insert.
var sqliteRows = []int{100, 10, 1}

func openPlainSQLite(ctx context.Context, path string, whole bool) (intakeTarget, error) {
	// The store's settings.
	const settings = "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(NORMAL)&_pragma=journal_mode(WAL)" +
		"&_txlock=immediate"
	db, err := sql.Open("sqlite", "file:"+path+settings)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	p := &plainSQLite{
		db:    db,
		whole: whole,
		turns: make(chan struct{}, 1),
		many:  map[int]*sql.Stmt{},
		lock:  map[int]*sql.Stmt{},
		one:   map[string]*sql.Stmt{},
	}
	for _, n := range sqliteRows {
		if p.many[n], err = db.PrepareContext(ctx,
			`insert into events (id, customer, name, at, received_at, n, properties, source, depth) values `+
				strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?, 'http', 0),", n), ",")); err != nil {
			return nil, err
		}
		if p.lock[n], err = db.PrepareContext(ctx, `insert into customers (id, version, traits, created_at) values `+
			strings.TrimSuffix(strings.Repeat("(?, 1, '{}', ?),", n),
				",")+` on conflict (id) do update set version = customers.version + 1`); err != nil {
			return nil, err
		}
	}
	for _, text := range []string{insertEnrollment, queueMore, insertDelivery} {
		if p.one[text], err = db.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *plainSQLite) close() error { return p.db.Close() }

func (p *plainSQLite) single(ctx context.Context, client int, e intakeEvent) error {
	return p.batch(ctx, client, []intakeEvent{e})
}

func (p *plainSQLite) batch(ctx context.Context, _ int, events []intakeEvent) error {
	c, err := columnsOf(events)
	if err != nil {
		return err
	}
	p.turns <- struct{}{}
	defer func() { <-p.turns }()
	now := clock.Wall().UnixMilli()
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if p.whole {
		if err := insertRows(ctx, tx, p.lock, len(c.customers), func(i int) []any { return []any{c.customers[i], now} }); err != nil {
			return err
		}
		for _, e := range c.queued {
			kind := "start"
			if e.enters {
				_, err = tx.StmtContext(ctx, p.one[insertEnrollment]).ExecContext(ctx, e.hears, e.customer, e.id, now)
			} else {
				kind = "event"
				_, err = tx.StmtContext(ctx, p.one[queueMore]).ExecContext(ctx, e.hears, e.seq)
			}
			if err != nil {
				return err
			}
			if _, err := tx.StmtContext(ctx, p.one[insertDelivery]).ExecContext(ctx, e.hears, e.seq, kind, e.id, now); err != nil {
				return err
			}
		}
	}
	if err := insertRows(ctx, tx, p.many, len(c.ids), func(i int) []any {
		return []any{c.ids[i], c.of[i], c.names[i], now, now, i, c.properties[i]}
	}); err != nil {
		return err
	}
	return tx.Commit()
}

// insertRows inserts n rows with as few of the prepared statements as possible.
func insertRows(ctx context.Context, tx *sql.Tx, statements map[int]*sql.Stmt, n int, row func(i int) []any) error {
	for from := 0; from < n; {
		for _, size := range sqliteRows {
			if n-from < size {
				continue
			}
			var args []any
			for i := range size {
				args = append(args, row(from+i)...)
			}
			if _, err := tx.StmtContext(ctx, statements[size]).ExecContext(ctx, args...); err != nil {
				return err
			}
			from += size
			break
		}
	}
	return nil
}
