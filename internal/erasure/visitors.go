package erasure

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// visitorPage is how many rows of a visitor go in one transaction.
const visitorPage = 500

// DropVisitor deletes an anonymous customer with everything that is stored of it, as forgetting does. Nothing remembers it: the same
// anonymous id begins anew. It does nothing where an enrollment is open. It returns false if somebody is using the profile.
func (s *Room) DropVisitor(ctx context.Context, now time.Time, id string) (dropped bool, err error) {
	f := &unit.Forgetting{Customer: id, Pseudonym: "forgotten/" + rand.Text(), Secret: []byte(rand.Text()), Visitor: true}
	for first := true; ; first = false {
		changed := false
		if err := s.db.Change(ctx, now, func(_ sqldb.Conn, b *unit.Unit) error {
			changed, dropped = false, false
			if err := b.Lock(ctx, []string{id}); err != nil {
				return err
			}
			if len(b.Customers[id].Open) > 0 {
				return nil
			}
			dropped = true
			if first {
				if err := s.goals(ctx, b, id); err != nil {
					return err
				}
			}
			f.Left, f.Tables = visitorPage, nil
			if err := s.pass(ctx, b, f); err != nil {
				return err
			}
			for name, t := range f.Tables { // locking has made the profile again, so that it always goes
				changed = changed || name != "customers" && t.Erased+t.Pseudonymized > 0
			}
			return nil
		}); err != nil || !changed {
			return dropped, err
		}
	}
}
