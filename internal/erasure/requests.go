package erasure

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// States of a request, in order.
const (
	Ending   = "ending"   // the customer's enrollments end
	Deleting = "deleting" // their runs are deleted in Temporal
	Erasing  = "erasing"  // rows are erased or pseudonymized
	Done     = "done"
)

// maxReason is the maximum length of a reason, in bytes.
const maxReason = 500

// A Request is one request to forget a customer. It does not say whom it meant once it is done.
type Request struct {
	ID         string
	State      string
	Reason, By string
	At, DoneAt time.Time // virtual
	Report     Report
}

// A Report says what was done, and has no personal data.
type Report struct {
	IDs         int                           `json:"ids"` // of the customer: its own, those merged into it, and devices
	Enrollments Ended                         `json:"enrollments"`
	Runs        Runs                          `json:"runs"`
	Tables      map[string]*unit.TableForgets `json:"tables"` // by name
}

// Ended counts the enrollments that were open.
type Ended struct {
	Open       int64 `json:"open"`       // when it began
	Terminated int64 `json:"terminated"` // whose runs did not end by themselves in time
}

// Runs counts the runs in Temporal.
type Runs struct {
	Deleted int64 `json:"deleted"`
	Left    int64 `json:"left"` // that Temporal did not delete; its retention does
	// Until is the time at which the retention of the last one is over, in real time; zero if none is left.
	Until time.Time `json:"until,omitzero"`
}

// Room keeps the requests.
type Room struct {
	db      *unit.Units
	keeps   map[string]string
	exports []unit.Export
	goals   KeepGoals
}

// KeepGoals stores with the customer's enrollments the goals that only its events know, before these are erased.
type KeepGoals func(ctx context.Context, b *unit.Unit, customer string) error

// New returns the room. keeps has the tables that forgetting leaves alone, with the reasons, for the report; exports the lists that a
// copy of all that is known of a customer has; goals is called before the first row goes.
func New(db *unit.Units, keeps map[string]string, exports []unit.Export, goals KeepGoals) *Room {
	return &Room{db: db, keeps: keeps, exports: exports, goals: goals}
}

// Start begins to forget a customer: from its commit on, no call finds or creates it. The workflow Forget does the rest. reason is
// kept, and must not name the customer. With dryRun nothing changes, and the report has what would go. It returns
// sqldb.ErrNotFound for an unknown customer, and unit.ErrForgotten for one that was forgotten or is being forgotten.
func (s *Room) Start(ctx context.Context, now time.Time, id, reason, by string, dryRun bool) (Request, error) {
	id, reason = sqldb.Clean(id), sqldb.Clean(strings.TrimSpace(reason))
	switch {
	case reason == "":
		return Request{}, sqldb.InputError("the reason is missing: give one that does not name the customer, such as a ticket's number")
	case len(reason) > maxReason:
		return Request{}, sqldb.InputError(fmt.Sprintf("the reason has %d bytes; at most %d are kept", len(reason), maxReason))
	}
	var out Request
	err := s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		own, err := customer.Whom(ctx, tx, id)
		if errors.Is(err, sqldb.ErrNotFound) {
			was, failed := customer.New(s.db, nil).WasForgotten(ctx, tx, id)
			if failed == nil && was != "" {
				err = unit.ErrForgotten
			}
			return errors.Join(err, failed)
		}
		if err != nil {
			return err
		}
		if err := b.Lock(ctx, []string{own}); err != nil {
			return err
		}
		if b.Customers[own] == nil || b.Customers[own].Merged != "" { // meanwhile
			return sqldb.ErrAgain
		}
		f := &unit.Forgetting{Customer: own, Left: 1, DryRun: true}
		if f.Pseudonym, err = unit.NewPseudonym(); err != nil {
			return err
		}
		if err := customer.Identified(ctx, tx, f, s.traits()); err != nil {
			return err
		}
		for _, text := range slices.Concat(f.IDs, f.Addresses) {
			text = strings.ToLower(strings.TrimPrefix(text, event.AnonymousPrefix))
			if len(text) > 2 && strings.Contains(strings.ToLower(reason), text) {
				return sqldb.InputError("the reason names the customer, and it is kept: give a ticket's number, or words without names")
			}
		}
		out = Request{State: Ending, Reason: reason, By: sqldb.Clean(by), At: sqldb.Moment(sqldb.Millis(now))}
		out.Report.IDs = len(f.IDs)
		if err := tx.QueryRowContext(ctx, `select count(*) from enrollment_states where customer = $1 and state <> 'closed'`, own).
			Scan(&out.Report.Enrollments.Open); err != nil {
			return err
		}
		if dryRun {
			if err := s.pass(ctx, b, f); err != nil {
				return err
			}
			out.Report.Tables = s.tables(f.Tables)
			return nil
		}
		request, err := uuid.NewV7()
		if err != nil {
			return err
		}
		out.ID = request.String()
		secret, err := unit.NewPseudonym()
		if err != nil {
			return err
		}
		if _, err := customer.MarkForgotten(ctx, b, own, f.Pseudonym, out.ID); err != nil {
			return err
		}
		delete(b.Customers, own)              // the unit has nothing of it to write
		if out.Report.Enrollments.Open == 0 { // no run has to be read to end it
			if err := dropKeys(ctx, b, f); err != nil {
				return err
			}
			out.Report.add(f.Tables)
		}
		report, err := sqldb.JSONText(out.Report)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `insert into forget_requests (id, customer, pseudonym, secret, reason, by_whom, at, state, report)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, out.ID, own, f.Pseudonym, secret, reason, out.By, sqldb.Millis(now), Ending,
			report)
		return err
	})
	return out, err
}

// traits returns the traits that hold addresses.
func (s *Room) traits() (out []string) {
	for i := range s.db.Channels {
		if t := s.db.Channels[i].Address; t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// tables adds to what was done with tables those that are left alone.
func (s *Room) tables(done map[string]*unit.TableForgets) map[string]*unit.TableForgets {
	out := maps.Clone(done)
	if out == nil {
		out = map[string]*unit.TableForgets{}
	}
	for table, why := range s.keeps {
		if out[table] == nil {
			out[table] = &unit.TableForgets{Why: why}
		}
	}
	return out
}

// open is a request with what only the store knows while it is not done.
type open struct {
	Request
	customer, pseudonym string
	secret              []byte
}

const requestColumns = `id, customer, pseudonym, secret, reason, by_whom, at, state, done_at, report`

func scanRequest(r sqldb.Scanner) (*open, error) {
	var o open
	var at, done int64
	var secret, report string
	if err := r.Scan(&o.ID, &o.customer, &o.pseudonym, &secret, &o.Reason, &o.By, &at, &o.State, &done, &report); err != nil {
		return nil, err
	}
	o.At, o.DoneAt = sqldb.Moment(at), sqldb.Moment(done)
	o.secret, _ = hex.DecodeString(strings.TrimPrefix(secret, "forgotten/"))
	return &o, json.Unmarshal([]byte(report), &o.Report)
}

func request(ctx context.Context, tx sqldb.Conn, id string) (*open, error) {
	o, err := scanRequest(tx.QueryRowContext(ctx, `select `+requestColumns+` from forget_requests where id = $1`, sqldb.Clean(id)))
	if errors.Is(err, sql.ErrNoRows) {
		err = sqldb.ErrNotFound
	}
	return o, err
}

// Get returns a request, or sqldb.ErrNotFound.
func (s *Room) Get(ctx context.Context, id string) (Request, error) {
	o, err := request(ctx, s.db.Reader, id)
	if err != nil {
		return Request{}, sqldb.DatabaseError(err)
	}
	return o.Request, nil
}

// List returns the latest requests, newest first, at most limit.
func (s *Room) List(ctx context.Context, limit int) ([]Request, error) {
	var out []Request
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		o, err := scanRequest(r)
		if err == nil {
			out = append(out, o.Request)
		}
		return err
	}, `select `+requestColumns+` from forget_requests order by id desc limit $1`, sqldb.Bounded(limit))
	return out, sqldb.DatabaseError(err)
}

// OpenRequests returns the ids of the requests that are not done, oldest first, after one and at most 100.
func (s *Room) OpenRequests(ctx context.Context, after string) ([]string, error) {
	var out []string
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		out = append(out, id)
		return err
	}, `select id from forget_requests where state <> 'done' and id > $1 order by id limit 100`, after)
	return out, sqldb.DatabaseError(err)
}

// Remember lets a customer come back who was forgotten: calls with this id create it again, with nothing of what was known. It
// returns sqldb.ErrNotFound if no such customer was forgotten, and a refusal while the request is not done.
func (s *Room) Remember(ctx context.Context, id string) error {
	id = sqldb.Clean(id)
	customers := customer.New(s.db, nil)
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		by, err := customers.WasForgotten(ctx, tx, id)
		if err == nil && by == "" {
			err = sqldb.ErrNotFound
		}
		if err != nil {
			return err
		}
		o, err := request(ctx, tx, by)
		if err == nil && o.State != Done {
			return sqldb.InputError("this customer is being forgotten: wait until request " + by + " is done")
		}
		if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
			return err
		}
		return customers.Remember(ctx, tx, id)
	})
}
