package customer_test

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// forgetting returns the SQL by which the page for operators erases a customer.
func forgetting(t *testing.T, customerID string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## A customer asks to be forgotten\n")
	_, section, _ = strings.Cut(section, "```sql\n")
	text, _, ok := strings.Cut(section, "```")
	if !ok || !strings.Contains(text, "'ana'") {
		t.Fatal("the page has no SQL to forget ana")
	}
	return strings.ReplaceAll(text, "'ana'", "'"+customerID+"'")
}

// rows returns the rows of all tables, each with its table and in words.
func rows(s *enginetest.Suite) (out []string) {
	s.T.Helper()
	list := `select name from sqlite_master where type = 'table'`
	if strings.HasPrefix(s.URL, "postgres") {
		list = `select tablename from pg_tables where schemaname = current_schema()`
	}
	var tables []string
	s.Must(sqldb.Rows(s.Ctx, s.Database.Reader, func(r *sql.Rows) error {
		var name string
		defer func() { tables = append(tables, name) }()
		return r.Scan(&name)
	}, list))
	for _, table := range tables {
		s.Must(sqldb.Rows(s.Ctx, s.Database.Reader, func(r *sql.Rows) error {
			columns, err := r.Columns()
			if err != nil {
				return err
			}
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for n := range values {
				into[n] = &values[n]
			}
			err = r.Scan(into...)
			out = append(out, fmt.Sprintf("%s: %s", table, values))
			return err
		}, "select * from "+table))
	}
	return out
}

// TestPageForgetsACustomer: after the steps of the page no table has anything of the customer but what is known of the mailbox, and
// nothing of others is gone.
func TestPageForgetsACustomer(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.PublishOffers(func(c *journey.Content) {
			c.Intents = map[string]*journey.Intent{"books": {
				Name: "books", HalfLife: 30 * 24 * time.Hour, Evidence: []journey.Evidence{{Events: []string{"Cart Updated"}, Weight: 0.1}},
			}}
		})
		fill := func(name string) {
			t.Helper()
			call := func(c customer.SegmentCall) {
				t.Helper()
				s.N++
				c.MessageID = fmt.Sprintf("%s-%d", name, s.N)
				s.Ingest(enginetest.Noon, c)
			}
			device := name + "-device"
			call(customer.SegmentCall{Type: "identify", AnonymousID: device, Traits: enginetest.Props{"email": name + "@example.com"}})
			call(customer.SegmentCall{Type: "track", AnonymousID: device, Event: "Cart Updated", Properties: enginetest.Props{"of": name}})
			call(customer.SegmentCall{Type: "identify", UserID: name + "-old", AnonymousID: device,
				Traits: enginetest.Props{"timezone": "Asia/Tokyo"}})
			call(customer.SegmentCall{Type: "alias", UserID: name, PreviousID: name + "-old"})
			e := s.OpenAt("cart/anon:" + device)
			s.Equal(e.Customer, name)
			s.Decide(s.NewDecide(e, name+"-decision"), enginetest.Noon)
			s.DecideAndSend(e, name+"-offer", enginetest.Noon)
			s.OpenHandoff(e, name+"-handoff", "high", enginetest.Noon)
			_, err := s.TryReserve(enginetest.Noon, s.NewSend(e, name+"-send"), enginetest.Props{})
			s.Must(err)
			call(customer.SegmentCall{Type: "track", UserID: name, Event: "Unsubscribed",
				Properties: enginetest.Props{"channel": "email", "email": name + "@example.com"}})
			s.Must(s.Intake.SetIntents(s.Ctx, enginetest.Noon, name, map[string]float64{"books": 0.5}))
		}
		fill("trillian")
		others := rows(s)
		fill("zaphod")
		tables := map[string]bool{}
		for _, row := range rows(s) {
			if strings.Contains(row, "zaphod") {
				table, _, _ := strings.Cut(row, ":")
				tables[table] = true
			}
		}
		filled := []string{"customers", "merges", "events", "enrollments", "outbox", "sends", "handoffs", "decisions", "offers"}
		for _, table := range filled {
			if !tables[table] {
				t.Errorf("the test leaves %s without a row of the customer", table)
			}
		}

		c, err := s.Database.Writer.Conn(s.Ctx)
		s.Must(err)
		_, err = c.ExecContext(s.Ctx, forgetting(t, "zaphod"))
		s.Must(err)
		s.Must(c.Close())
		left := rows(s)
		for _, row := range left {
			if strings.Contains(row, "zaphod") && !strings.HasPrefix(row, "addresses: ") {
				t.Errorf("left: %s", row)
			}
		}
		kept := func(rows []string) (n int) {
			for _, row := range rows {
				if strings.Contains(row, "trillian") {
					n++
				}
			}
			return n
		}
		s.Equal(kept(left), kept(others))
	})
}
