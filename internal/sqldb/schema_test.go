package sqldb

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// release returns the migrations of a build: the first, and those of later releases.
func release(t *testing.T, later ...string) fs.FS {
	t.Helper()
	first, err := os.ReadFile("migrations/00001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"00001_init.sql": {Data: first}}
	for _, text := range later {
		name, sql, _ := strings.Cut(text, "\n")
		files[name] = &fstest.MapFile{Data: []byte(sql)}
	}
	return files
}

// A release expands the schema, and the next one contracts it.
const (
	expand = "00002_expand.sql\n-- +goose Up\nalter table releases add column note text not null default '';\n" +
		"-- +goose Down\nalter table releases drop column note;\n"
	contract = "00003_contract.sql\n-- +goose Up\nalter table releases drop column intents;\n" +
		"update settings set value = '2' where key = 'schema_compatible';\n" +
		"-- +goose Down\nalter table releases add column intents text not null default '';\n" +
		"update settings set value = '1' where key = 'schema_compatible';\n"
)

// A build works with a schema that is newer by one release, and not with one that lacks what it uses.
func TestBuildToleratesTheNextReleasesSchema(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(t *testing.T) string{
		"sqlite":     func(t *testing.T) string { return filepath.Join(t.TempDir(), "tabi.db") },
		"postgresql": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := url(t)
			one, two, three := release(t), release(t, expand), release(t, expand, contract)
			// start opens the database as a build does, and returns the schema that it found, and what it says.
			start := func(build fs.FS, prepare func(*Database, context.Context) error) (Schema, string) {
				t.Helper()
				s, err := open(t.Context(), at, 2, nil, build, prepare)
				if err != nil {
					return Schema{}, err.Error()
				}
				defer func() { _ = s.Close() }()
				have, err := s.Schema(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return have, ""
			}
			look := func(s *Database, ctx context.Context) error {
				have, err := s.Schema(ctx)
				if err != nil {
					return err
				}
				return have.Check()
			}
			for _, c := range []struct {
				what    string
				build   fs.FS
				prepare func(*Database, context.Context) error
				want    Schema
				says    string
			}{
				{"an empty database with --no-migrate", one, look, Schema{}, "its schema has version 0, this build needs 1"},
				{"the first release", one, (*Database).Migrate, Schema{1, 1, 1}, ""},
				{"it starts again", one, look, Schema{1, 1, 1}, ""},
				{"the second with --no-migrate", two, look, Schema{}, "this build needs 2: run tabi db up"},
				{"the second expands", two, (*Database).Migrate, Schema{2, 2, 1}, ""},
				{"the first goes on", one, (*Database).Migrate, Schema{2, 1, 1}, ""},
				{"the first goes on with --no-migrate", one, look, Schema{2, 1, 1}, ""},
				{"the first cannot take it back", one, (*Database).MigrateDown, Schema{}, "use the build that made it"},
				{"the third contracts", three, (*Database).Migrate, Schema{3, 3, 2}, ""},
				{"the second goes on", two, (*Database).Migrate, Schema{3, 2, 2}, ""},
				{"the first lacks what it uses", one, (*Database).Migrate, Schema{}, "from version 2 on can use; this build knows 1"},
				{"the third takes its migration back", three, (*Database).MigrateDown, Schema{2, 3, 1}, ""},
				{"so the first goes on", one, (*Database).Migrate, Schema{2, 1, 1}, ""},
				{"the second takes its migration back", two, (*Database).MigrateDown, Schema{1, 2, 1}, ""},
				{"nobody takes back the first", one, (*Database).MigrateDown, Schema{}, "would delete all data"},
			} {
				have, says := start(c.build, c.prepare)
				if have != c.want || !strings.Contains(says, c.says) || c.says == "" && says != "" {
					t.Fatalf("%s: %+v %q, want %+v %q", c.what, have, says, c.want, c.says)
				}
			}
		})
	}
}
