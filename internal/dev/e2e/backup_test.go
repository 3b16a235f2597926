package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// shellBlock is a code block of a page that a reader can copy.
type shellBlock struct{ section, language, text string }

// shellBlocks returns the shell blocks of a page.
func shellBlocks(t testing.TB, page string) []shellBlock {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(), "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var out []shellBlock
	section, indent, inside := "", "", false
	for line := range strings.SplitSeq(string(data), "\n") {
		text := strings.TrimSpace(line)
		language, fence := strings.CutPrefix(text, "```")
		switch {
		case !inside && strings.HasPrefix(line, "## "):
			section = line[3:]
		case fence && inside:
			inside = false
		case fence && strings.HasPrefix(language, "sh"):
			inside, out = true, append(out, shellBlock{section: section, language: language})
			indent = line[:len(line)-len(strings.TrimLeft(line, " "))]
		case inside:
			out[len(out)-1].text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return out
}

// site is an installation with a Temporal of its own, whose data is a file that is copied and replaced.
type site struct {
	*install
	server *child
	port   int
	page   []shellBlock
	done   map[int]bool // blocks that were run
}

// startTemporal starts Temporal on a file; stopTemporal stops it.
func (s *site) startTemporal(file string) {
	s.Helper()
	var err error
	if s.server, err = startTemporal(s.dir, s.port, filepath.Join(s.dir, file), []string{"other"}); err != nil {
		s.Fatal(err)
	}
	await(s, "the namespace default", func() error { return knowsAttributes(local(s.port), "default") })
}

func (s *site) stopTemporal() { s.server.Stop(stopPatience) }

// stop stops the gateway and the worker, start starts them.
func (s *site) stop() {
	s.procs["serve"].Stop(stopPatience)
	s.procs["worker"].Stop(stopPatience)
}

func (s *site) start() {
	s.startServe()
	s.startWorker()
}

// follow runs the n-th block of a section and a language, and returns its output.
func (s *site) follow(section, language string, n int) string {
	s.Helper()
	for i, b := range s.page {
		if b.section != section || b.language != language {
			continue
		}
		if n--; n >= 0 {
			continue
		}
		s.done[i] = true
		code, out := runProcess(s, time.Minute, s.env, "bash", "-e", "-u", "-c", "cd '"+s.dir+"'\n"+b.text)
		if code != 0 {
			s.Fatalf("%s: exit %d\n%s\n%s", section, code, b.text, out)
		}
		return out
	}
	s.Fatalf("the page has no such block in %q", section)
	return ""
}

// mails fails unless a customer has got these mails, each once.
func (s *site) mails(id string, want ...string) {
	s.Helper()
	await(s, "the mails to "+id, func() error {
		if got := s.mail.subjects(id + "@example.com"); !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}

// does sends an event of a customer.
func (s *site) does(id, event string) {
	s.Helper()
	s.track(id, event, "", map[string]any{"k": "1", "total": 7})
}

func (s *site) enters(ids ...string) {
	s.Helper()
	for _, id := range ids {
		s.customer(id)
		s.does(id, "Start")
	}
	for _, id := range ids {
		s.parked("nudge/"+id+"/1", "reply")
	}
}

// The commands of docs/backup.md do what the page says, with each of the two databases restored alone, an empty Temporal
// and the wrong namespace. Nothing is lost that the page says is kept, nothing is sent twice, and nothing that runs is
// harmed.
func TestBackupPage(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	s := &site{install: newInstall(t, folder(map[string]string{"nudge.yaml": nudge})), port: freePort(), page: shellBlocks(t, "backup.md"),
		done: map[int]bool{}}
	bin := filepath.Join(s.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(tabi(t), filepath.Join(bin, "tabi")); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "PATH="+bin+":/usr/lib/postgresql/15/bin:"+os.Getenv("PATH"))
	s.startTemporal("temporal.db")
	defer func() { s.stopTemporal() }()
	s.useTemporal(local(s.port), "default")
	s.publish(database)
	s.start()

	s.enters("ana", "ben", "eve")
	s.stopTemporal()
	s.copyTemporal("temporal.db", "older.db")
	s.startTemporal("temporal.db")
	s.does("ben", "Answered")
	s.does("eve", "Bought")
	s.enters("cyd")
	s.mails("ben", "Hello ben", "Again")
	s.parked("nudge/ben/1", "last")
	s.ended("nudge/eve/1", contract.Goal)

	// Temporal restored to an earlier moment: cyd has no run, ben's is behind, eve's is open.
	s.stop()
	s.stopTemporal()
	s.startTemporal("older.db")
	s.follow("Temporal is lost or behind", "sh", 1)
	s.start()
	s.does("cyd", "Answered")
	s.parked("nudge/cyd/1", "last")
	s.mails("cyd", "Hello cyd", "Again")
	s.mails("ben", "Hello ben", "Again")
	s.mails("ana", "Hello ana")
	var report background.Report
	if err := json.Unmarshal([]byte(s.cli("reconcile", "-o", "json")), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Closed)+len(report.Missing)+len(report.Orphans) > 0 || report.Checked != 3 {
		t.Errorf("after Temporal was restored: %+v", report)
	}

	// The wrong namespace harms nothing.
	s.follow("The wrong namespace", "sh", 0)
	s.parked("nudge/ana/1", "reply")

	// tabi's database restored to an earlier moment: ana has ended since, fay began since, ben and cyd are open in both.
	s.follow("What to back up", "sh", 0)
	s.does("ana", "Bought")
	s.ended("nudge/ana/1", contract.Goal)
	s.enters("fay")
	s.stop()
	s.follow("Restore", "sh", 0)
	s.follow("tabi's database is behind", "sh", 0)
	s.start()
	if e := s.ended("nudge/ana/1", contract.Goal).Enrollment; e.Value != 7 {
		t.Errorf("ana ended with %+v", e)
	}
	s.enters("fay") // at once: the orphan does not hold her up
	s.does("cyd", "Bought")
	s.ended("nudge/cyd/1", contract.Goal)
	s.mails("ben", "Hello ben", "Again")

	// An empty Temporal is refused, then adopted: ben and fay begin again where they were.
	s.stop()
	s.stopTemporal()
	s.startTemporal("empty.db")
	if code, out := runProcess(t, time.Minute, s.env, tabi(t), "serve"); code != 2 || !strings.Contains(out, "tabi cluster adopt") {
		t.Errorf("serve: exit %d\n%s", code, out)
	}
	s.follow("Temporal is lost or behind", "sh", 0)
	s.start()
	s.does("fay", "Answered")
	s.mails("fay", "Hello fay", "Hello fay", "Again")
	s.does("ben", "Bought")
	s.ended("nudge/ben/1", contract.Goal)
	s.mails("ben", "Hello ben", "Again")

	s.sqlite()
	for i, b := range s.page {
		if !s.done[i] {
			t.Errorf("a block of %q is not tested:\n%s", b.section, b.text)
		}
	}
}

// copyTemporal copies a file of Temporal, which must be stopped.
func (s *site) copyTemporal(from, to string) {
	s.Helper()
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(filepath.Join(s.dir, from+end))
		if os.IsNotExist(err) && end != "" {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, to+end), data, 0o600)
		}
		if err != nil {
			s.Fatal(err)
		}
	}
}

// sqlite backs up and restores a SQLite file: the release after the backup is gone.
func (s *site) sqlite() {
	s.Helper()
	s.env = append(s.env, "TABI_DATABASE="+filepath.Join(s.dir, "lite", "tabi.db"))
	if err := os.Mkdir(filepath.Join(s.dir, "lite"), 0o755); err != nil {
		s.Fatal(err)
	}
	journeys := filepath.Join(s.dir, "journeys")
	s.cli("publish", journeys)
	s.follow("What to back up", "sh sqlite", 0)
	s.write("nudge.yaml", strings.Replace(nudge, "wait: 1h", "wait: 2h", 1))
	if out := s.cli("publish", journeys); !strings.Contains(out, "release 2") {
		s.Fatal(out)
	}
	s.follow("Restore", "sh sqlite", 0)
	if out := s.cli("publish", journeys); !strings.Contains(out, "release 2") {
		s.Errorf("after the restore: %s", out)
	}
}
