package diff

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestDiffKeepsGivenRenames checks that renames given by the caller are not guessed, and that steps which hold nobody need no
// migration.
func TestDiffKeepsGivenRenames(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/given-id.txtar")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Compare(side(t, archive, "old"), side(t, archive, "new"), map[string]string{"main.2": "breath"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := d.Text(&out); err != nil {
		t.Fatal(err)
	}
	if want := "main.2 → breath (wait): renamed by --step; tabi migrate nudge --step main.2=breath\n"; !strings.Contains(
		out.String(),
		want,
	) {
		t.Errorf("want %q in\n%s", want, out.String())
	}
}
