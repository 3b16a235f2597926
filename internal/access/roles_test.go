package access

import (
	"os"
	"strings"
	"testing"
)

// TestTableOfRoles: docs/security.md shows the table of roles as it is.
func TestTableOfRoles(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	want := table()
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/security.md lacks this table:\n%s", want)
	}
}

// table renders the table of roles as the page has it.
func table() string {
	var b strings.Builder
	b.WriteString("| permission | allows to | " + strings.ReplaceAll(RoleNames(), ", ", " | ") + " |\n")
	b.WriteString("|---|---" + strings.Repeat("|:-:", len(Roles)) + "|\n")
	for _, p := range Permissions() {
		b.WriteString("| `" + string(p) + "` | " + p.Allows() + " |")
		for _, r := range Roles {
			if r.May(p) {
				b.WriteString(" ✓ |")
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for _, p := range Permissions() {
		if !Admin.May(p) || Nobody.May(p) || Role("root").May(p) {
			t.Errorf("%s: admins have every permission, nobody none", p)
		}
	}
	if Admin.May("") || Admin.May("unknown") {
		t.Error("a permission that is not in the table is granted")
	}
	if Stronger(Agent, Designer) != Designer || Stronger(Admin, Nobody) != Admin || Stronger(Nobody, Reader) != Reader {
		t.Error("the stronger role is the later one")
	}
	if _, ok := ParseRole(""); ok {
		t.Error("no role is no role")
	}
}
