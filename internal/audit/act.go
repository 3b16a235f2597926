package audit

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// An Act is something that is being done, with its entry. The first transaction that commits under its context stores the entry with what
// was done; what is refused, fails, or only reads has no such transaction, and is stored by Done. A nil Act does nothing, so that
// those who add details need not know whether they run under one.
type Act struct {
	room *Room

	mu      sync.Mutex
	entry   Entry
	others  []string // more customers; see AboutEach
	looking bool     // it only looks: see Look
	known   bool     // By was called
	awaits  bool     // see Await
	held    bool     // see Hold
	page    Entry    // see Page; its key in the limiter
	reason  string   // see Because
	trying  bool     // the transaction in progress has the entry
	stored  string   // the result that is stored, or that needs no entry; empty: none
}

type actKey struct{}

// Begin returns a context for something that is about to be done.
func (s *Room) Begin(ctx context.Context, e Entry) (context.Context, *Act) {
	e.Detail = maps.Clone(e.Detail)
	a := &Act{room: s, entry: e}
	return context.WithValue(sqldb.WithLast(ctx, a), actKey{}, a), a
}

// Look is Begin for reading. That somebody looks at the same again, or is refused it again, is recorded once in a while (LookEvery).
func (s *Room) Look(ctx context.Context, e Entry) (context.Context, *Act) {
	e.Detail = maps.Clone(e.Detail)
	a := &Act{room: s, entry: e, looking: true}
	return context.WithValue(sqldb.WithoutLast(ctx), actKey{}, a), a
}

// Of returns what is being done under a context; nil: nothing that is recorded.
func Of(ctx context.Context) *Act {
	a, _ := ctx.Value(actKey{}).(*Act)
	return a
}

// About sets the customer and the journey that the act is about. Empty ones stay as they are.
func (a *Act) About(customer, journey string) {
	a.change(func(e *Entry) {
		if customer != "" {
			e.Customer = customer
		}
		if journey != "" {
			e.Journey = journey
		}
	})
}

// AboutEach sets the customers whom a look shows: it is recorded for each.
func (a *Act) AboutEach(customers []string) {
	a.change(func(e *Entry) {
		if len(customers) > 0 {
			e.Customer, a.others = customers[0], customers[1:]
		}
	})
}

// Object sets what the act is done with.
func (a *Act) Object(kind, id string) {
	a.change(func(e *Entry) { e.Kind, e.ID = kind, id })
}

// By sets who acts. An empty name is somebody of whom no name is asked.
func (a *Act) By(who, subject, role string) {
	a.change(func(e *Entry) {
		e.Who, e.Subject, e.Role = who, subject, role
		if who == "" {
			e.Who = Anyone
		}
		a.known = true
	})
}

// As sets the name of who acts where the request says it, and not the token.
func (a *Act) As(who string) {
	if who != "" {
		a.change(func(e *Entry) { e.Who = who })
	}
}

// Known reports whether it is known who acts.
func (a *Act) Known() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known
}

// Await lets transactions pass until it is known who acts: those in which the caller is looked up are not the act.
func (a *Act) Await() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.awaits = true
}

// Hold leaves the entry to Done: what the transaction does is nothing, though it commits.
func (a *Act) Hold() {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.held = true
	}
}

// Always records a look even if the same one was recorded a moment ago: an export.
func (a *Act) Always() {
	a.change(func(*Entry) { a.looking = false })
}

// Page says that the act is done in pages, of which this is the first one or a later one. Later ones are recorded only if this process has
// not recorded the act for LookEvery: the place of a page comes from the caller, who may have begun in the middle.
func (a *Act) Page(first bool) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looking, a.page = false, a.entry
	if recent := !a.room.calls.look(a.page); recent && !first {
		a.stored = OK
	}
}

// Because sets the code of what is refused or fails, which is more than the status of the answer says.
func (a *Act) Because(code string) {
	a.change(func(*Entry) { a.reason = code })
}

// Note adds a detail. An empty text adds nothing.
func (a *Act) Note(name, text string) {
	a.change(func(e *Entry) {
		if e.Detail == nil {
			e.Detail = Detail{}
		}
		e.Detail[name] = text
	})
}

// Skip records nothing of what goes well, since there is nothing to say: a dry run.
func (a *Act) Skip() {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.stored = OK
	}
}

func (a *Act) change(f func(*Entry)) {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		f(&a.entry)
	}
}

// Write implements sqldb.Last: it stores the entry with the first transaction of the act.
func (a *Act) Write(ctx context.Context, tx sqldb.Conn) error {
	a.mu.Lock()
	e := a.entry
	e.Detail = maps.Clone(e.Detail)
	a.trying = a.stored == "" && !a.held && (a.known || !a.awaits)
	trying := a.trying
	a.mu.Unlock()
	if !trying {
		return nil
	}
	e.Result = OK
	return Add(ctx, tx, e)
}

// Committed implements sqldb.Last.
func (a *Act) Committed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.trying {
		a.stored, a.trying = OK, false
	}
}

// Done stores the entry with its result, unless a transaction has stored it with the same one. reason is a code; see Entry.Reason.
func (a *Act) Done(ctx context.Context, result, reason string) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	e, others, page, stored, looking := a.entry, a.others, a.page, a.stored, a.looking
	e.Detail = maps.Clone(e.Detail)
	if a.reason != "" && result != OK {
		reason = a.reason
	}
	a.mu.Unlock()
	if stored == result {
		return nil
	}
	if e.Result, e.Reason = result, reason; result != OK {
		a.room.calls.forget(page) // a later page that goes well is news
	}
	entries := []Entry{e}
	for _, customer := range others {
		e.Customer = customer
		entries = append(entries, e)
	}
	if looking && result != Failed && e.Who != "" {
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return !a.room.calls.look(e) })
	}
	if err := a.room.record(context.WithoutCancel(ctx), entries); err != nil {
		if looking {
			for _, e := range entries {
				a.room.calls.forget(e)
			}
		}
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stored = result
	return nil
}
