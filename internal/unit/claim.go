package unit

import (
	"context"
	"errors"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// An EnrollmentRow is an Enrollment with the columns that only the rooms use.
type EnrollmentRow struct {
	Enrollment
	Depth      int
	Origin     string // the id that the entry event came from
	ReportSeq  int64
	Head, Tail int64 // first delivery that is not done; last delivery written
	Attempts   int
	Token      int64
	Fresh      bool   // not in the database yet
	Moving     string // the revision that a migration order names
	QueuedAt   int64
}

// Pending reports whether deliveries are waiting.
func (e *EnrollmentRow) Pending() bool { return e.Head <= e.Tail }

// Revisions returns the revisions that may read what is delivered now: the enrollment's own, and the one it was ordered
// to migrate to.
func (e *EnrollmentRow) Revisions() []string {
	if e.Moving == "" || e.Moving == e.Revision {
		return []string{e.Revision}
	}
	return []string{e.Revision, e.Moving}
}

// EnrollmentOf returns an enrollment, or ErrNotFound.
func (s *Units) EnrollmentOf(ctx context.Context, tx sqldb.Conn, id string) (*EnrollmentRow, error) {
	return s.enrollments.Get(ctx, tx, id)
}

// Claim makes chain (a first run id) the owner of an enrollment. It returns ErrSuperseded if the enrollment is closed or
// has another owner.
func (s *Units) Claim(ctx context.Context, tx sqldb.Conn, id, chain string) error {
	return s.enrollments.Claim(ctx, tx, id, chain)
}

// Claimed reads an enrollment under its customer's lock and claims it.
func (s *Units) Claimed(ctx context.Context, tx sqldb.Conn, id, chain string) (*EnrollmentRow, *LockedCustomer, error) {
	e, p, err := s.LockEnrollment(ctx, tx, id)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, nil, ErrSuperseded
	}
	if err != nil {
		return nil, nil, err
	}
	if e.Chain == chain && chain != "" && e.State != StateClosed {
		return e, p, nil // claimed before
	}
	return e, p, EndedByItself(e, chain, s.Claim(ctx, tx, id, chain))
}

// EndedByItself turns the error of a claim into an EndedError if this chain has ended the enrollment itself.
func EndedByItself(e *EnrollmentRow, chain string, err error) error {
	if !Replayed(e, chain, err) {
		return err
	}
	return &EndedError{contract.Ended{Outcome: e.Outcome, Reason: e.Reason, Value: e.Value, At: e.ClosedAt}}
}

// Replayed reports whether a claim failed only because this chain itself has ended the enrollment. A run whose last
// workflow task was lost after its last report repeats that task: repeated requests get the same answer as before, and
// nothing new is done.
func Replayed(e *EnrollmentRow, chain string, claim error) bool {
	return errors.Is(claim, ErrSuperseded) && e != nil && e.State == StateClosed && e.Chain == chain
}

// LockEnrollment locks an enrollment's customer and returns both. It must be the first statement of the transaction. It
// returns ErrAgain if the customer was merged while the transaction waited for the lock.
func (s *Units) LockEnrollment(ctx context.Context, tx sqldb.Conn, id string) (*EnrollmentRow, *LockedCustomer, error) {
	p, err := s.enrollments.LockCustomer(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	p.Locked = true
	e, err := s.EnrollmentOf(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	if e.Customer != p.ID { // merged while we waited for the lock
		return nil, nil, sqldb.ErrAgain
	}
	return e, p, nil
}

// ReadClaimed runs f in a read transaction for a run, which claims the enrollment first if nobody has.
func (s *Units) ReadClaimed(ctx context.Context, ref contract.Ref, f func(tx sqldb.Conn, e *EnrollmentRow, p *LockedCustomer) error) error {
	unclaimed := false
	look := func(tx sqldb.Conn) error {
		e, err := s.EnrollmentOf(ctx, tx, ref.Enrollment)
		if errors.Is(err, sqldb.ErrNotFound) {
			return ErrSuperseded
		}
		if err != nil {
			return err
		}
		if unclaimed = e.Chain == ""; unclaimed {
			return nil
		}
		if e.Chain != ref.Chain {
			return ErrSuperseded
		}
		p, err := s.customers.Read(ctx, tx, e.Customer)
		if err != nil {
			return err
		}
		return f(tx, e, p)
	}
	err := s.Read(ctx, look)
	if err == nil && unclaimed {
		if err = s.Write(ctx, func(tx sqldb.Conn) error { return s.Claim(ctx, tx, ref.Enrollment, ref.Chain) }); err == nil {
			err = s.Read(ctx, look)
		}
	}
	return err
}
