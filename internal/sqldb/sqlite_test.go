package sqldb

import (
	"fmt"
	"testing"
)

// A statement whose rows are being read may be run again meanwhile, and more texts than are kept do no harm.
func TestPreparedStatementsAreReused(t *testing.T) {
	t.Parallel()
	db := openLite("file:"+t.TempDir()+"/kept.db?_pragma=journal_mode(WAL)", nil)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("create table n (a int); insert into n values (1); insert into n values (2)"); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	const query = "select a from n where a >= $1 order by a"
	outer, err := tx.Query(query, 1)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for outer.Next() {
		var a, b int
		if err := outer.Scan(&a); err != nil {
			t.Fatal(err)
		}
		inner, err := tx.Query(query, a)
		if err != nil {
			t.Fatal(err)
		}
		for inner.Next() {
			if err := inner.Scan(&b); err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, fmt.Sprint(a, b))
		}
		if err := inner.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(pairs); got != "[1 1 1 2 2 2]" {
		t.Errorf("got %s", got)
	}
	for i := range maxStatements + 50 {
		if _, err := tx.Exec(fmt.Sprintf("update n set a = a + $1 where a > %d", 1000+i), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	// The schema may change under kept statements.
	if _, err := db.Exec("alter table n add column b int default 7"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow("select a from n where a >= $1 order by a", 2).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := db.Exec("insert into n (a) values ($1)", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("insert into nowhere values ($1)", 1); err == nil {
		t.Error("a table that is not there was written to")
	}
}
