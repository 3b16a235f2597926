package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/doctor"
)

// The doctor finds an installation well that runs, and says what is missing where it does not.
func TestDoctor(t *testing.T) {
	t.Parallel()
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.useTemporal(shared.address, takeNamespace(t))
	examine := func() (int, map[string]doctor.Finding) {
		t.Helper()
		code, out := runProcess(t, 60*time.Second, in.env, tabi(t), "doctor", "-o", "json")
		var found struct{ Findings []doctor.Finding }
		if err := json.Unmarshal([]byte(out), &found); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		byName := map[string]doctor.Finding{}
		for _, f := range found.Findings {
			byName[f.Area+"/"+f.Check] = f
		}
		return code, byName
	}
	want := func(found map[string]doctor.Finding, check string, level doctor.Level) {
		t.Helper()
		if got := found[check]; got.Level != level {
			t.Errorf("%s: %+v, want %s", check, got, level)
		}
	}
	code, found := examine()
	if code != 1 {
		t.Errorf("nothing runs: exit %d", code)
	}
	want(found, "temporal/reached", doctor.OK)
	want(found, "gateway/public URL", doctor.Fail)
	want(found, "temporal/workers", doctor.Fail)

	in.publish(filepath.Join(in.dir, "tabi.db"))
	in.doctorExample()
	in.startServe()
	in.startWorker()
	in.ready("serve")
	in.enter([]string{"ana"})
	in.parked("nudge/ana/1", "reply")
	code, found = examine()
	for name, f := range found {
		if f.Level == doctor.Fail {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if code != 0 {
		t.Errorf("all runs: exit %d", code)
	}
	for _, check := range []string{"database/schema", "database/secret", "temporal/namespace", "temporal/search attributes",
		"temporal/workers",
		"store/release", "store/outbox", "store/dead letters",
		"store/lost enrollments", "gateway/public URL", "channels/providers"} {
		want(found, check, doctor.OK)
	}
	want(found, "channels/e-mail", doctor.Warn) // tls=none
}

// doctorExample checks the example of docs/operations.md: each of its lines is what the doctor says of an installation that was
// published, and whose processes do not run.
func (in *install) doctorExample() {
	in.Helper()
	page, err := os.ReadFile(filepath.Join(root(), "docs", "operations.md"))
	if err != nil {
		in.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```\n$ tabi doctor\n")
	example, _, _ = strings.Cut(example, "```")
	_, said := runProcess(in, 60*time.Second, in.env, tabi(in), "doctor")
	lines := 0
	for line := range strings.Lines(example) {
		if lines++; !strings.Contains("\n"+said, "\n"+line) {
			in.Errorf("the example of docs/operations.md has a line that the doctor does not say: %s", line)
		}
	}
	if lines < 5 {
		in.Errorf("docs/operations.md has no example of tabi doctor")
	}
	if in.Failed() {
		in.Log(said)
	}
}
