package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"math"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/erasure"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/internal/variables"
)

// onForget is called, page by page, when a customer is forgotten. Each room erases its rows of the customer, or takes out of them
// what says who it was, and names its tables: TestEveryTableIsForgotten walks all tables of the schema, and wants each here or in
// Keeps. See docs/decisions/0030.
func onForget() []unit.Forget {
	return []unit.Forget{
		intent.Forget,    // before the customer's events, which classifications name
		variables.Forget, // this one and the outbox before enrollments, which say whose their rows are
		outbox.Forget,
		message.Forget,
		offer.Forget,
		handoff.Forget,
		rejection.Forget, // before the profile, whose ids and addresses it looks for
		enrollment.Forget,
		forgetAudit,
		keyring.Forget,
		customer.Forget, // last: all others find their rows by its ids
	}
}

// keepGoals returns a function that stores with a customer's enrollments the goals that only its events know: the numbers of journeys
// count them, and the events are about to be erased.
func keepGoals(numbers *analytics.Room) erasure.KeepGoals {
	return func(ctx context.Context, b *unit.Unit, customer string) error {
		goals, err := numbers.GoalsOf(ctx, b.Tx, b.Now, customer)
		if err != nil {
			return err
		}
		for _, g := range goals {
			if err := enrollment.KeepGoal(ctx, b.Tx, g.Enrollment, g.At, g.Value); err != nil {
				return err
			}
		}
		return nil
	}
}

// auditPage bounds the ids of a customer that one statement names.
const auditPage = 100

// auditDry is how many entries a dry run counts at most, which has no pages.
var auditDry = map[bool]int64{true: math.MaxInt64}

// forgetAudit takes the customer out of the entries about it.
func forgetAudit(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	t := f.Table("audit_log", "who of the staff did or looked at what, and when; not whom it was about")
	all := slices.Clone(f.IDs)
	for _, id := range f.IDs { // staff name a device without its prefix
		all = append(all, strings.TrimPrefix(id, event.AnonymousPrefix))
	}
	for ids := range slices.Chunk(sqldb.Sorted(all), auditPage) {
		n, err := audit.Forget(ctx, b.Tx, ids, f.Pseudonym, max(f.Left, auditDry[f.DryRun]), f.DryRun)
		if err != nil {
			return err
		}
		t.Pseudonymized += n
		if !f.DryRun {
			f.Left -= n
		}
	}
	return nil
}

// forgotten returns what the audit log asks of an entry that is to be stored, so that nobody who looks for a forgotten customer puts
// the id into the log.
func forgotten(salt []byte) audit.Forgotten {
	return func(ctx context.Context, tx sqldb.Conn, texts []string) (bool, error) {
		return customer.Forgotten(ctx, tx, salt, nil, texts)
	}
}

// Keeps has the tables that forgetting a customer leaves alone, with the reason, which the report shows.
var Keeps = map[string]string{
	"settings":        "single values of the installation",
	"releases":        "what designers have published",
	"definitions":     "what designers have published",
	"api_keys":        "keys of programs, and who of the staff made them",
	"sessions":        "who of the staff is signed in",
	"paused_journeys": "which journeys are paused, and by whom of the staff",
	"schedules":       "when journeys begin",
	"rates":           "limits of providers",
	"classifiers":     "trained on designers' examples",
	"models":          "sums over many customers, by names of traits and events; no names of people, addresses or ids",
}

// openSalt returns the salt of the digests of forgotten customers, which the first start makes.
func openSalt(ctx context.Context, database *sqldb.Database) ([]byte, error) {
	const key = "forget_salt"
	salt, err := database.Setting(ctx, key)
	if err == nil && salt == "" {
		random := make([]byte, 32)
		if _, err := rand.Read(random); err != nil {
			return nil, err
		}
		if err := database.Write(ctx, func(tx sqldb.Conn) error {
			return sqldb.AddSetting(ctx, tx, key, hex.EncodeToString(random))
		}); err != nil {
			return nil, err
		}
		salt, err = database.Setting(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(salt)
}

// exports lists what a copy of all that is known of a customer has, in the order of the page. TestEveryTableIsExported walks all
// tables, and wants each here or in notExported.
func exports(log *audit.Room) []unit.Export {
	return slices.Concat(customer.Exports, enrollment.Exports, message.Exports, handoff.Exports, offer.Exports, intent.Exports,
		variables.Exports, outbox.Exports, []unit.Export{
			{Table: "audit_log", Title: "Who looked at your data, and changed it", Read: auditOf(log)},
		})
}

// auditOf returns a function that reads who did what with a customer: what and when, by which role; not which of the staff.
func auditOf(log *audit.Room) func(context.Context, *unit.Units, sqldb.Conn, string, []any, int) ([]map[string]any, []any, error) {
	return func(ctx context.Context, _ *unit.Units, tx sqldb.Conn, customerID string, after []any, limit int) (
		out []map[string]any, next []any, err error) {
		f := unit.Forgetting{Customer: customerID}
		if err := customer.Identified(ctx, tx, &f, nil); err != nil {
			return nil, nil, err
		}
		filter := audit.Filter{Customers: f.IDs, Limit: limit, OldestFirst: true}
		if len(after) == 1 {
			filter.After, _ = after[0].(int64)
		}
		entries, err := log.List(ctx, filter)
		for _, e := range entries {
			out = append(out, map[string]any{"at": e.At, "what": e.What, "role": e.Role, "result": e.Result})
		}
		if len(entries) == limit {
			next = []any{entries[limit-1].Seq}
		}
		return out, next, err
	}
}

// notExported has the tables with something of customers that a copy leaves out, with the reason.
var notExported = map[string]string{
	"rejected_calls":  "calls that were not taken, which may name several customers: only a hint for their senders",
	"schedule_zones":  "how far a schedule has come",
	"forgotten":       "digests of customers who are no more",
	"forget_requests": "says nothing of a customer",
	"customer_keys":   "a secret, by which histories are read",
}
