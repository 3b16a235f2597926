package audit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Settings of the chain.
const (
	headSetting   = "audit"        // the last entry
	startSetting  = "audit_start"  // the last entry that retention has deleted
	loggedSetting = "audit_logged" // the last entry that was logged
)

// link is the end of a chain: the number and the hash of an entry.
type link struct {
	seq  int64
	hash string
}

func (l link) String() string { return strconv.FormatInt(l.seq, 10) + " " + l.hash }

func parseLink(text string) (link, error) {
	number, hash, _ := strings.Cut(text, " ")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return link{}, fmt.Errorf("the settings of the audit log cannot be read: %q", text)
	}
	return link{seq, hash}, nil
}

// Add stores an entry in a transaction. It must be the last that the transaction does: others that add entries wait for its commit.
func Add(ctx context.Context, tx sqldb.Conn, e Entry) error {
	e = e.tidy()
	raw, err := sqldb.TakeSetting(ctx, tx, headSetting)
	if err != nil {
		return err
	}
	head, err := parseLink(raw)
	if err != nil {
		return err
	}
	r, err := newRow(e)
	if err != nil {
		return err
	}
	e.Seq = head.seq + 1
	r.Seq, r.Hash = e.Seq, r.chain(head, e.Seq)
	if _, err := tx.ExecContext(ctx, `insert into audit_log (`+columns+`) values (`+sqldb.List(1, 18)+`)`, r.Seq, sqldb.Millis(r.At), r.Who,
		r.Subject, r.Role, r.Door, r.Peer, r.What, r.Kind, r.ID, r.Customer, r.Journey, r.Result, r.Reason, r.detail, r.salt, r.digest,
		r.Hash); err != nil {
		return err
	}
	return sqldb.SetSetting(ctx, tx, headSetting, link{r.Seq, r.Hash}.String())
}

const columns = `seq, at, who, subject, role, door, peer, what, kind, id, customer, journey, result, reason, detail, salt, digest, hash`

// row is an entry as it is stored.
type row struct {
	Entry
	detail string // JSON
	salt   string // empty: the customer was forgotten
	digest string // of ID, Customer and detail, with the salt
}

func newRow(e Entry) (row, error) {
	r := row{Entry: e, salt: rand.Text()}
	if len(e.Detail) > 0 {
		raw, err := json.Marshal(e.Detail) // with its keys in order
		if err != nil {
			return r, err
		}
		r.detail = string(raw)
	}
	r.digest = r.digested()
	return r, nil
}

// digested returns the digest of what can be taken out later.
func (r row) digested() string { return sum(r.salt, r.ID, r.Customer, r.detail) }

// chain returns the hash of a row after another one. seq is its own.
func (r row) chain(before link, seq int64) string {
	return sum(before.hash, strconv.FormatInt(seq, 10), strconv.FormatInt(sqldb.Millis(r.At), 10), r.Who, r.Subject, r.Role, r.Door, r.Peer,
		r.What, r.Kind, r.Journey, r.Result, r.Reason, r.digest)
}

// sum hashes texts, each with its length, so that no two lists have the same bytes.
func sum(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		write(h, text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func write(h hash.Hash, text string) {
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(text)))
	h.Write(size[:])
	h.Write([]byte(text))
}

func scan(r sqldb.Scanner) (out row, err error) {
	var at int64
	if err := r.Scan(&out.Seq, &at, &out.Who, &out.Subject, &out.Role, &out.Door, &out.Peer, &out.What, &out.Kind, &out.ID, &out.Customer,
		&out.Journey, &out.Result, &out.Reason, &out.detail, &out.salt, &out.digest, &out.Hash); err != nil {
		return out, err
	}
	out.At, out.Erased = sqldb.Moment(at), out.salt == ""
	if out.detail != "" {
		err = json.Unmarshal([]byte(out.detail), &out.Detail)
	}
	return out, err
}
