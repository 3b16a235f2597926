package diff

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

var update = flag.Bool("update", false, "write the goldens again")

// side compiles a golden's files under old/ or new/.
func side(t *testing.T, archive *txtar.Archive, name string) *journey.Content {
	t.Helper()
	var files []lint.File
	for _, file := range archive.Files {
		if rest, ok := strings.CutPrefix(file.Name, name+"/"); ok {
			files = append(files, lint.File{Name: rest, Data: file.Data})
		}
	}
	content, diagnostics := lint.Check(files, journeytest.Options())
	if diagnostics.Failed(false) {
		t.Fatalf("%s does not lint: %v", name, diagnostics)
	}
	return content
}

// TestDiffGolden compares the folders old and new of each golden: the text for people, and where enrollments of the old
// revision can migrate.
func TestDiffGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			d, err := Compare(side(t, archive, "old"), side(t, archive, "new"), nil)
			if err != nil {
				t.Fatal(err)
			}
			var text, moves bytes.Buffer
			if err := d.Text(&text); err != nil {
				t.Fatal(err)
			}
			for _, one := range d.Journeys {
				for _, m := range one.Moves {
					fmt.Fprintf(&moves, "%s: %q %s | %s\n", m.Step, m.Target, m.Refused, m.Suggest)
				}
			}
			got := map[string]string{"want": text.String(), "moves": moves.String()}
			for i, file := range archive.Files {
				want, ok := got[file.Name]
				if !ok {
					continue
				}
				if *update {
					archive.Files[i].Data = []byte(want)
				} else if diff := cmp.Diff(string(file.Data), want); diff != "" {
					t.Errorf("%s (-want +got):\n%s", file.Name, diff)
				}
			}
			if *update {
				writeGolden(t, path, archive)
			}
			// The reverse comparison, and one with itself, must invent nothing.
			old := side(t, archive, "old")
			if same, err := Compare(old, side(t, archive, "old"), nil); err != nil || !same.Empty() {
				t.Errorf("a folder differs from itself: %+v %v", same, err)
			}
			back, err := Compare(side(t, archive, "new"), old, nil)
			if err != nil || back.Empty() != d.Empty() {
				t.Errorf("there is a difference one way only: %+v %v", back, err)
			}
		})
	}
}

func writeGolden(t *testing.T, path string, archive *txtar.Archive) {
	t.Helper()
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSplitShare(t *testing.T) {
	t.Parallel()
	arms := func(weights ...float64) *journey.Split {
		s := &journey.Split{}
		for i, w := range weights {
			s.Arms = append(s.Arms, journey.SplitArm{Weight: w, Name: string(rune('a' + i))})
		}
		return s
	}
	swapped := &journey.Split{Arms: []journey.SplitArm{{Weight: 50, Name: "b"}, {Weight: 50, Name: "a"}}}
	for name, test := range map[string]struct {
		old, new *journey.Split
		want     float64
	}{
		"other weights":          {arms(50, 50), arms(75, 25), 0.25},
		"the same shares":        {arms(1, 1), arms(50, 50), 0},
		"the other way round":    {arms(50, 50), swapped, 1},
		"an arm more":            {arms(1, 1), arms(1, 1, 2), 0.75},
		"an arm without weights": {arms(1, 1), arms(1, 1, 0), 0},
	} {
		if got := moving(test.old.Describe(), test.new.Describe()); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// TestCanMoveUnnamedSteps checks that a migration continues at the step the diff names, and that only refused moves
// need a decision.
func TestCanMoveUnnamedSteps(t *testing.T) {
	t.Parallel()
	old := programOf(t, "  - wait: 1h\n  - {id: mail, set: {vars.a: 1}}\n  - wait: 2h\n")
	new := programOf(t, "  - wait: 1h\n  - wait: 5h\n  - {id: mail, set: {vars.a: 1}}\n  - wait: 2h\n")
	for _, test := range []struct {
		step    string
		renamed map[string]string
		want    string
		refused bool
	}{
		{"main.1", nil, "main.1", false},
		{"mail", nil, "mail", false},
		{"main.3", nil, "", true}, // this is the mail in the new revision
		{"main.3", map[string]string{"main.3": "main.4"}, "main.4", false},
		{"main.3", map[string]string{"main.3": "mail"}, "", true}, // another kind
	} {
		got, refused := old.CanMigrate(test.step, new, test.renamed)
		if got != test.want || (refused != "") != test.refused {
			t.Errorf("%s by %v: %q, %q", test.step, test.renamed, got, refused)
		}
	}
	other := programOf(t, "  - wait: 5h\n  - wait: 1h\n  - {id: mail, set: {vars.a: 1}}\n  - wait: 2h\n")
	if got, refused := old.CanMigrate("main.1", other, nil); refused == "" {
		t.Errorf("a step that is a different one takes the enrollment: %q", got)
	}
	if got, refused := old.CanMigrate("main.1", other, map[string]string{"main.1": "main.1"}); got != "main.1" || refused != "" {
		t.Errorf("a person's word does not count: %q %q", got, refused)
	}
}

func programOf(t *testing.T, steps string) *journey.Program {
	t.Helper()
	p, err := journey.NewProgram(journeytest.MustCheck(t, "a", "journey: a\nentry: {event: X}\ngoal: {event: Y}\nsteps:\n"+steps, nil))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDiffAccountsForEveryStep checks that two journeys differ in words exactly if their revisions differ, and that
// every step of both is listed once.
func TestDiffAccountsForEveryStep(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		draw := func() *journey.Definition {
			var b strings.Builder
			b.WriteString("journey: a\nentry: {event: X}\ngoal: {event: Y}\nsteps:\n")
			drawSteps(rt, &b, map[int]bool{}, "  ", 2)
			content, diagnostics := lint.Check([]lint.File{{Name: "a.yaml", Data: []byte(b.String())}}, journeytest.Options())
			if diagnostics.Failed(false) {
				rt.Fatalf("%s\n%v", b.String(), diagnostics)
			}
			return content.Journeys["a"]
		}
		old, new := draw(), draw()
		d, err := CompareJourneys(old, new, nil)
		if err != nil {
			rt.Fatal(err)
		}
		if changed := len(d.Changes)+len(d.Steps) > 0; changed != (old.Revision() != new.Revision()) {
			rt.Fatalf("revisions %s and %s, differences %+v", old.Revision(), new.Revision(), d)
		}
		if d.Old == d.New {
			return
		}
		added, removed := 0, 0
		for _, s := range d.Steps {
			if s.Old == "" {
				added++
			}
			if s.New == "" {
				removed++
			}
		}
		if len(old.Steps)-removed != len(new.Steps)-added {
			rt.Fatalf("%d steps became %d, but %d were added and %d removed", len(old.Steps), len(new.Steps), added, removed)
		}
		if len(d.Moves) != len(old.Steps) {
			rt.Fatalf("%d of %d steps say where an enrollment goes", len(d.Moves), len(old.Steps))
		}
	})
}

func drawSteps(t *rapid.T, b *strings.Builder, taken map[int]bool, indent string, depth int) {
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		id := ""
		if n := rapid.IntRange(0, 30).Draw(t, "id"); n > 10 && !taken[n] {
			taken[n] = true
			id = "id: s" + fmt.Sprint(n) + ", "
		}
		hours := rapid.IntRange(1, 2).Draw(t, "hours")
		kinds := 3
		if depth > 0 {
			kinds = 5
		}
		switch rapid.IntRange(1, kinds).Draw(t, "kind") {
		case 1:
			fmt.Fprintf(b, "%s- {%swait: %dh}\n", indent, id, hours)
		case 2:
			fmt.Fprintf(b, "%s- {%sset: {vars.a: %d}}\n", indent, id, hours)
		case 3:
			fmt.Fprintf(b, "%s- {%swait_for: {event: E}, timeout: %dh}\n", indent, id, hours)
		case 4:
			fmt.Fprintf(
				b,
				"%s- %swait_for: {event: E}\n%s  timeout: %dh\n%s  on_timeout:\n",
				indent,
				block(id, indent),
				indent,
				hours,
				indent,
			)
			drawSteps(t, b, taken, indent+"    ", depth-1)
		case 5:
			fmt.Fprintf(b, "%s- %sbranch:\n%s    - when: 1 > %d\n%s      then:\n", indent, block(id, indent), indent, hours, indent)
			drawSteps(t, b, taken, indent+"        ", depth-1)
		}
	}
}

// block writes an id on its own line.
func block(id, indent string) string {
	if id == "" {
		return ""
	}
	return strings.TrimSuffix(id, ", ") + "\n" + indent + "  "
}

// Numbers are added up where steps are the same, and an arm's only where the arm is.
func TestSameSteps(t *testing.T) {
	t.Parallel()
	old := programOf(t, "- {set: {vars.x: 1}}\n- {wait: 1h}\n- {id: own, wait: 2h}\n- {id: turned, wait: 3h}\n"+
		"- id: way\n  branch: [{when: 'customer.a == 1', then: [{exit: a}]}, {when: 'customer.b == 1', then: [{exit: b}]}]\n")
	new := programOf(t, "- {wait: 5h}\n- {set: {vars.x: 1}}\n- {id: named, wait: 1h}\n- {id: own, wait: 9h}\n- {id: turned, exit: out}\n"+
		"- id: way\n  branch: [{when: 'customer.b == 1', then: [{exit: b}]}, {when: 'customer.c == 1', then: [{exit: c}]}]\n")
	want := map[string]Same{
		"main.1": {Step: "main.2"}, "main.2": {Step: "named"}, "own": {Step: "own"},
		"way": {Step: "way", Arms: map[string]string{"1": "", "2": "1"}}, "main.5.2.1": {Step: "main.6.1.1"},
	}
	if got := cmp.Diff(want, SameSteps(old.Definition, new.Definition), cmpopts.EquateEmpty()); got != "" {
		t.Error(got)
	}
}
