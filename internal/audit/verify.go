package audit

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Verification is what Verify found.
type Verification struct {
	Entries  int64    `json:"entries"`
	First    int64    `json:"first"`    // number of the oldest entry that is kept
	Last     int64    `json:"last"`     // number of the newest
	Head     string   `json:"head"`     // hash of the newest: compare it with the log line of that number
	Erased   int64    `json:"erased"`   // entries whose customer was forgotten
	Deleted  int64    `json:"deleted"`  // entries before the first, which retention has deleted
	Problems []string `json:"problems"` // what does not fit, at most 100

	Since time.Time `json:"since,omitzero"` // when the oldest entry that is kept was written, by the wall clock
}

// verifyPage is how many entries are read at once.
const verifyPage = 1000

// mostProblems bounds what Verify lists.
const mostProblems = 100

// Verify reads the whole log, and checks that each entry is what was written, that none is missing in between, and that the end is the
// one that was written last.
func (s *Room) Verify(ctx context.Context) (v Verification, err error) {
	v.Problems = []string{}
	problem := func(format string, args ...any) {
		if len(v.Problems) < mostProblems {
			v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
		}
	}
	// One snapshot: entries are added, and the oldest deleted, while this reads.
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		at, err := readLink(ctx, tx, startSetting)
		if err != nil {
			return err
		}
		head, err := readLink(ctx, tx, headSetting)
		if err != nil {
			return err
		}
		v.Deleted = at.seq
		for more := true; more; {
			var page []row
			if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
				one, err := scan(r)
				page = append(page, one)
				return err
			}, `select `+columns+` from audit_log where seq > $1 order by seq limit $2`, at.seq, verifyPage); err != nil {
				return err
			}
			for _, r := range page {
				v.check(at, r, problem)
				at = link{r.Seq, r.Hash}
			}
			more = len(page) == verifyPage
		}
		v.Last, v.Head = at.seq, at.hash
		if at.seq < head.seq {
			problem("entries %d to %d, the newest, are missing", at.seq+1, head.seq)
		} else if at != head {
			problem("entry %d is not the one that was written last", at.seq)
		}
		return nil
	})
	return v, err
}

func (v *Verification) check(before link, r row, problem func(string, ...any)) {
	if v.Entries++; v.Entries == 1 {
		v.First, v.Since = r.Seq, r.At
	}
	switch {
	case r.Seq != before.seq+1:
		problem("entries %d to %d are missing", before.seq+1, r.Seq-1)
	case r.chain(before, r.Seq) != r.Hash:
		problem("entry %d was changed, or the one before it", r.Seq)
	}
	switch {
	case !r.Erased && r.digested() != r.digest:
		problem("entry %d was changed: its object, customer or details are not those that were written", r.Seq)
	case r.Erased && (r.ID != "" || r.detail != ""):
		problem("entry %d was changed: it has details, though its customer was forgotten", r.Seq)
	case r.Erased:
		v.Erased++
	}
}

func readLink(ctx context.Context, tx sqldb.Conn, setting string) (link, error) {
	raw, err := sqldb.Setting(ctx, tx, setting)
	if err != nil {
		return link{}, err
	}
	return parseLink(raw)
}
