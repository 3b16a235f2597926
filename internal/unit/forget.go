package unit

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Forget does a room's part when a customer is forgotten. It erases the room's rows of f.Customer with f.Erase, or takes out of
// them, with f.Replace, what says who it was; it names each of its tables that may have such rows. Each call changes one page: it is
// called again until a pass changes nothing. A room that reads another one's rows to find its own comes first in the list.
type Forget func(ctx context.Context, b *Unit, f *Forgetting) error

// pseudonymPrefix begins the customer that rows of a forgotten one name, and its redirect while it is being forgotten.
const pseudonymPrefix = "forgotten/"

// NewPseudonym returns a random pseudonym.
func NewPseudonym() (string, error) {
	var random [16]byte
	_, err := rand.Read(random[:])
	return pseudonymPrefix + hex.EncodeToString(random[:]), err
}

// IsPseudonym reports whether an id is that of a forgotten customer. No call may name one.
func IsPseudonym(id string) bool { return strings.HasPrefix(id, pseudonymPrefix) }

// ErrForgotten is returned where a call names a customer who was forgotten, or is being forgotten.
var ErrForgotten error = sqldb.Refusal("this customer was forgotten; tabi customer remember lets them come back")

// Digest returns the HMAC of an id or address of a forgotten customer under the installation's salt. kind keeps the two apart.
func Digest(salt []byte, kind, text string) string {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte(kind + "\x00" + text))
	return hex.EncodeToString(h.Sum(nil))
}

// Kinds of digests.
const (
	DigestCustomer = "customer"
	DigestAddress  = "address"
)

// A Forgetting is a customer who is being forgotten: what the hooks need to know, and what they have done in this unit.
type Forgetting struct {
	Customer  string   // its own id, which all rows name
	IDs       []string // all of its ids, its own first
	Addresses []string // its addresses, as it wrote them
	Pseudonym string   // the customer that rows name which are kept for statistics; random
	Secret    []byte   // random, dropped with the request; see Alias
	Left      int64    // rows that this unit may still change
	DryRun    bool     // count only
	// Visitor: it is a visitor's profile that has become old, and nobody asked. What is known of a mailbox stays as it is.
	Visitor bool
	Tables  map[string]*TableForgets // by name
	met     map[string]bool          // see First
}

// First reports whether the unit meets a thing for the first time: a dry run must not count twice what two rooms know.
func (f *Forgetting) First(thing string) bool {
	if f.met == nil {
		f.met = map[string]bool{}
	}
	first := !f.met[thing]
	f.met[thing] = true
	return first
}

// TableForgets is what was done with one table.
type TableForgets struct {
	Erased        int64  `json:"erased"`
	Pseudonymized int64  `json:"pseudonymized"`
	Kept          int64  `json:"kept"`
	Why           string `json:"why"`
}

// Alias returns an id that rows keep in place of one that may say who the customer was, the same for the same id. Nobody
// can tell from it what it was, since its key is dropped at the end.
func (f *Forgetting) Alias(id string) string {
	if id == "" {
		return ""
	}
	h := hmac.New(sha256.New, f.Secret)
	h.Write([]byte(id))
	return pseudonymPrefix + hex.EncodeToString(h.Sum(nil)[:16])
}

// Table returns what was done with a table. A hook that changes rows without Erase and Replace counts them here.
func (f *Forgetting) Table(name, why string) *TableForgets {
	if f.Tables == nil {
		f.Tables = map[string]*TableForgets{}
	}
	t := f.Tables[name]
	if t == nil {
		t = &TableForgets{Why: why}
		f.Tables[name] = t
	}
	return t
}

// Erase deletes the rows of a table for which condition holds, at most f.Left. key has the columns of its primary key. why says
// so for the report.
func (f *Forgetting) Erase(ctx context.Context, b *Unit, table, key, condition, why string, args ...any) error {
	n, err := f.change(ctx, b, "delete from "+table, table, key, condition, args)
	f.Table(table, why).Erased += n
	return err
}

// Replace sets columns of the rows of a table for which condition holds, at most f.Left. The condition must not hold for a row
// that is done. key has the columns of its primary key. why says for the report what the rows are kept for.
func (f *Forgetting) Replace(ctx context.Context, b *Unit, table, key, set, condition, why string, args ...any) error {
	n, err := f.change(ctx, b, "update "+table+" set "+set, table, key, condition, args)
	f.Table(table, why).Pseudonymized += n
	return err
}

func (f *Forgetting) change(ctx context.Context, b *Unit, verb, table, key, condition string, args []any) (n int64, err error) {
	if f.DryRun {
		used := args[:min(len(args), strings.Count(condition, "$"))]
		err = b.Tx.QueryRowContext(ctx, "select count(*) from "+table+" where "+condition, used...).Scan(&n)
		return n, err
	}
	if f.Left <= 0 {
		return 0, nil
	}
	n, err = sqldb.Affected(ctx, b.Tx, verb+" where ("+key+") in (select "+key+" from "+table+" where "+condition+" limit $"+
		strconv.Itoa(len(args)+1)+")", append(append([]any{}, args...), f.Left)...)
	f.Left -= n
	return n, err
}

// Rename replaces the keys of the rows that query selects by their aliases: they hold an id of the customer. query selects the column
// key of table, has the customer as $1 and what f.Left allows as $2, and selects no key that is an alias already.
func (f *Forgetting) Rename(ctx context.Context, b *Unit, table, query string) error {
	if f.DryRun || f.Left <= 0 {
		return nil
	}
	var rows [][]any
	if err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
		var key string
		err := r.Scan(&key)
		rows = append(rows, []any{key, f.Alias(key)})
		return err
	}, query, f.Customer, f.Left); err != nil || len(rows) == 0 {
		return err
	}
	f.Left -= int64(len(rows))
	return sqldb.Update(ctx, b.Tx, table, "key", "key = v.column2", []string{"text", "text"}, rows)
}
