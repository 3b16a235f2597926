package audit

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Results of what was done.
const (
	OK      = "ok"
	Refused = "refused" // not permitted, or not possible as asked; nothing was changed
	Failed  = "failed"  // something broke; it may have been done in part
)

// Doors, by which an act comes in.
const (
	Page      = "page"
	API       = "api"
	CLI       = "cli"      // a command that opens the database itself
	Temporal  = "temporal" // an update of a run, from the Temporal UI or CLI
	Automatic = "automatic"
)

// Anyone is who acts where no token is needed, as in dev.
const Anyone = "anyone"

// Self is who acts where tabi acts on its own.
const Self = "tabi"

// An Entry says who did what on whom, and what came of it.
type Entry struct {
	Seq      int64     // place in the log, from 1; set when it is stored
	At       time.Time // wall; zero: now
	Who      string    // the caller's name; empty: somebody who could not be identified. Proven only by Subject
	Subject  string    // the caller's id at the identity provider, of the token or key, or uid:N of this machine; empty: nobody has checked
	Role     string    // the caller's role
	Door     string    // Page, API, CLI, Temporal or Automatic
	Peer     string    // network address of the caller
	What     string    // in two words: handoff.claim
	Kind     string    // of the object: enrollment, handoff, address …
	ID       string    // of the object
	Customer string    // whom it is about, if one
	Journey  string    // which it is about, if one
	Result   string    // OK, Refused or Failed; empty: OK
	Reason   string    // a code, if the result is not OK; never words, which may quote a customer
	Detail   Detail    // more: ids, names, numbers. No secret, nothing personal
	Erased   bool      // the customer was forgotten: ID, Customer and Detail are taken out
	Hash     string    // of the entry and all before it; set when it is stored
}

// Detail is what else there is to say of an act, by names such as "outcome" and "count".
type Detail map[string]string

// maxText bounds each text of an entry, in bytes: names and ids come from outside.
const maxText = 1000

// tidy returns an entry as it is stored.
func (e Entry) tidy() Entry {
	if e.At.IsZero() {
		e.At = clock.Wall()
	}
	e.At = sqldb.Moment(sqldb.Millis(e.At))
	if e.Result == "" {
		e.Result = OK
	}
	for _, text := range []*string{&e.Who, &e.Subject, &e.Role, &e.Door, &e.Peer, &e.What, &e.Kind, &e.ID, &e.Customer, &e.Journey,
		&e.Result, &e.Reason} {
		*text = clip(*text)
	}
	e.Who = visible(e.Who)
	var detail Detail
	for name, text := range e.Detail {
		if text == "" {
			continue
		}
		if detail == nil {
			detail = Detail{}
		}
		detail[clip(name)] = visible(clip(text))
	}
	e.Detail = detail
	return e
}

// visible returns a text in which characters that control a terminal or turn the direction of a line are written as escapes: names come
// from identity providers, forms and updates in Temporal.
func visible(text string) string { return human.Quote(text, "") }

func clip(text string) string {
	text = sqldb.Clean(text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// MaskAddress returns an address as entries name it, since it is more than an id: a…@example.com, …4711.
func MaskAddress(address string) string {
	if name, host, ok := strings.Cut(address, "@"); ok {
		return string([]rune(name + " ")[:1]) + "…@" + host
	}
	runes := []rune(address)
	return "…" + string(runes[max(0, len(runes)-4):])
}

// Room keeps the log.
type Room struct {
	db        *sqldb.Database
	forgotten Forgotten
	calls     limiter
}

// Forgotten reports whether one of some texts is an id or an address of a customer who was forgotten.
type Forgotten func(ctx context.Context, tx sqldb.Conn, texts []string) (bool, error)

// New returns the room. Entries about customers of whom forgotten knows do not name them; nil: it knows of none.
func New(db *sqldb.Database, forgotten Forgotten) *Room { return &Room{db: db, forgotten: forgotten} }

// Record stores an entry in a transaction of its own. What was done in a transaction of a room is recorded with it: see Begin.
func (s *Room) Record(ctx context.Context, e Entry) error { return s.record(ctx, []Entry{e}) }

func (s *Room) record(ctx context.Context, entries []Entry) error {
	var admitted []Entry
	for _, e := range entries {
		if e, ok := s.calls.admit(e); ok {
			admitted = append(admitted, e)
		}
	}
	if len(admitted) == 0 {
		return nil
	}
	return s.db.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) error {
		for _, e := range admitted {
			e, err := s.unnamed(ctx, tx, e)
			if err == nil {
				err = Add(ctx, tx, e)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// unnamed returns an entry without what names a customer who was forgotten.
func (s *Room) unnamed(ctx context.Context, tx sqldb.Conn, e Entry) (Entry, error) {
	named := e.texts()
	if s.forgotten == nil || len(named) == 0 {
		return e, nil
	}
	is, err := s.forgotten(ctx, tx, named)
	if is {
		e.Customer, e.ID, e.Detail = "forgotten", "", nil
	}
	return e, err
}

// texts returns what may be an id of a customer: whom the entry names, its object and the parts of its path, and the details.
func (e Entry) texts() (out []string) {
	for _, text := range append([]string{e.Customer, e.ID}, slices.Sorted(maps.Values(e.Detail))...) {
		if text == "" {
			continue
		}
		out = append(out, text)
		for part := range strings.SplitSeq(text, "/") {
			part, _, _ = strings.Cut(part, "#")
			if id, err := url.PathUnescape(part); err == nil && id != "" && id != text {
				out = append(out, id)
			}
		}
	}
	return out
}
