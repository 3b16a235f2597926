package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirement is one of the standard.
type requirement struct{ id, level string }

// requirements reads those of levels 1 and 2 from a list of sections with the level of each requirement.
func requirements(list string) []requirement {
	var out []requirement
	for line := range strings.Lines(list) {
		section, levels, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || section == "#" {
			continue
		}
		for n, level := range levels {
			if level != '3' {
				out = append(out, requirement{fmt.Sprintf("%s.%d", section, n+1), string(level)})
			}
		}
	}
	return out
}

var (
	states   = []string{"holds", "deployment", "not applicable", "does not hold"}
	codePath = regexp.MustCompile("`((?:activities|channel|deploy|docs|internal|starter|worker|workflows)/[\\w./-]+|" +
		"\\.[a-z]\\w*[\\w./-]*|go\\.\\w+)`")
)

// asvsProblems compares the page with the standard's list. exists says whether the repository has a file.
func asvsProblems(page, list string, exists func(string) bool) (problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	all, counts := requirements(list), map[string]int{}
	at := func(id string) int { return slices.IndexFunc(all, func(r requirement) bool { return r.id == id }) }
	next := 0
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 || !strings.ContainsAny(cells[0], "0123456789") {
			continue
		}
		for n := range cells {
			cells[n] = strings.TrimSpace(cells[n])
		}
		first, last, ranges := strings.Cut(cells[0], "–")
		if !ranges {
			last = first
		}
		from, to := at(first), at(last)
		if from < 0 || to < from {
			add("%s: no such requirements of levels 1 and 2", cells[0])
			continue
		}
		if from != next {
			add("%s comes after %s: each requirement is named once, in order", cells[0], all[max(next, 1)-1].id)
		}
		next = to + 1
		levels := map[string]bool{}
		for _, r := range all[from:next] {
			levels[r.level] = true
		}
		if want := strings.Join(slices.DeleteFunc([]string{"1", "2"}, func(l string) bool { return !levels[l] }), "–"); cells[1] != want {
			add("%s: the level is %s, not %s", cells[0], want, cells[1])
		}
		if !slices.Contains(states, cells[3]) || cells[4] == "" || len(strings.Fields(cells[2])) > 12 {
			add("%s: give a state of %v, where it holds, and at most twelve words of what it asks for", cells[0], states)
		}
		counts[cells[3]] += next - from
		for _, m := range codePath.FindAllStringSubmatch(cells[4], -1) {
			if !exists(m[1]) {
				add("%s: there is no %s", cells[0], m[1])
			}
		}
	}
	if next != len(all) {
		add("the page ends after %d of %d requirements", next, len(all))
	}
	for _, state := range states {
		row := regexp.MustCompile(`(?m)^\| ` + state + ` \|.*\| (\d+) \|$`).FindStringSubmatch(page)
		if row == nil || row[1] != fmt.Sprint(counts[state]) {
			add("%d requirements are %q, which the first table does not say", counts[state], state)
		}
	}
	return problems
}

// Each requirement of levels 1 and 2 has one place on docs/asvs.md, and what the page names exists. That tests and links exist is a rule
// for all pages; that docs/security.md has the table of roles is a test of internal/access.
func TestSecurityStandardIsCovered(t *testing.T) {
	t.Parallel()
	dir := root(t)
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	page, list := read(filepath.Join(dir, "docs/asvs.md")), read("testdata/asvs-5.0.txt")
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		return err == nil
	}
	if n := len(requirements(list)); n != 253 {
		t.Fatalf("%d requirements", n)
	}
	for _, problem := range asvsProblems(page, list, exists) {
		t.Error(problem)
	}
	// The test notices what it is for.
	for old, changed := range map[string]string{
		"| 1.1.2 | 2 |":      "| 1.1.3 | 2 |",
		"| 3.4.3 | 2 |":      "| 3.4.4 | 2 |",
		"| 3.4.1 | 1 |":      "| 3.4.1 | 2 |",
		"internal/gateway/":  "internal/gatehouse/",
		"| 17.3.1–17.3.2 |":  "| 17.3.1 |",
		"| holds | `nosniff": "| fine | `nosniff",
	} {
		if broken := strings.Replace(page, old, changed, 1); broken == page || len(asvsProblems(broken, list, exists)) == 0 {
			t.Errorf("%q instead of %q is not noticed", changed, old)
		}
	}
}
