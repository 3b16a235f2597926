package engine_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// tables returns the tables of the schema.
func tables(t *testing.T) []string {
	t.Helper()
	schema, err := os.ReadFile("../sqldb/migrations/00001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^create table (\w+)`).FindAllStringSubmatch(string(schema), -1) {
		out = append(out, m[1])
	}
	if len(out) < 30 {
		t.Fatalf("only %d tables found", len(out))
	}
	return out
}

// TestEveryTableIsForgotten: a new table is part of OnForget, or is declared in Keeps.
func TestEveryTableIsForgotten(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t, ":memory:")
	f := &unit.Forgetting{Customer: "ana", IDs: []string{"ana"}, Pseudonym: "forgotten/1", Secret: []byte("s"), Left: 100}
	s.Must(s.Units.Change(s.Ctx, enginetest.Noon, func(_ sqldb.Conn, b *unit.Unit) error {
		for _, hook := range s.Units.Hooks.OnForget {
			if err := hook(s.Ctx, b, f); err != nil {
				return err
			}
		}
		return nil
	}))
	f.Table("forget_requests", "by the room erasure itself")
	known := map[string]bool{}
	for _, table := range tables(t) {
		known[table] = true
		treated, kept := f.Tables[table], engine.Keeps[table]
		switch {
		case treated == nil && kept == "":
			t.Errorf("%s: no hook of OnForget names it; erase or pseudonymize a customer's rows, or declare it in engine.Keeps", table)
		case treated != nil && kept != "":
			t.Errorf("%s: a hook of OnForget names it, and engine.Keeps says that it is left alone", table)
		case treated != nil && treated.Why == "":
			t.Errorf("%s: the report has no reason", table)
		}
	}
	for table := range f.Tables {
		if !known[table] {
			t.Errorf("%s: there is no such table", table)
		}
	}
}

// TestEveryTableIsExported: a new table is part of a customer's copy, or is declared as holding nothing that belongs into it.
func TestEveryTableIsExported(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, e := range engine.Exports(nil) {
		listed[e.Table] = true
		if e.Title == "" || e.Read == nil && (e.Where == "" || e.Key == "") {
			t.Errorf("%s: the list has no title, or no condition", e.Table)
		}
	}
	for _, table := range tables(t) {
		reasons := 0
		for _, is := range []bool{listed[table], engine.Keeps[table] != "", engine.NotExported[table] != ""} {
			if is {
				reasons++
			}
		}
		if reasons != 1 {
			t.Errorf("%s: must be in one of a room's Exports, engine.Keeps, or engine.notExported; it is in %d", table, reasons)
		}
	}
}
