package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// command is a line that a reader can copy, and its output. An ellipsis stands for any text.
type command struct {
	line int
	text string
	want []string
}

// commands returns the console blocks of a page.
func commands(t testing.TB, page string) []command {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(), "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var out []command
	inside, more := false, false
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside, more = line == "```console", false
		case !inside:
		case more:
			last := &out[len(out)-1]
			last.text += "\n" + line
			more = strings.HasSuffix(line, `\`)
		case strings.HasPrefix(line, "$ "):
			out = append(out, command{line: i + 1, text: line[2:]})
			more = strings.HasSuffix(line, `\`)
		default:
			last := &out[len(out)-1]
			last.want = append(last.want, line)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no commands", page)
	}
	return out
}

// said reports whether an output contains a line of the page, regardless of layout.
func said(output, want string) bool {
	parts := strings.Split(want, "…")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(strings.Join(strings.Fields(p), " "))
	}
	return regexp.MustCompile(strings.Join(parts, ".*")).MatchString(strings.Join(strings.Fields(output), " "))
}

// The commands on the pages for channels and for support staff do what the pages say, exactly as printed.
func TestDocs(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"channels.md", "operations.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			in := newInstall(t, shipped(t))
			in.flags = []string{"--time-scale", "600"}
			in.startDev()
			in.followPage(page, commands(t, page))
		})
	}
}

// asVisitors rewrites commands of a page and their output for customers who are known by an anonymous id alone.
func asVisitors(all []command) []command {
	r := strings.NewReplacer(
		`"userId":"ana"`, `"anonymousId":"ana"`, `"userId":"ben"`, `"anonymousId":"ben"`, `"customer": "ben"`, `"customer": "anon:ben"`,
		"cart-recovery/ana/", "cart-recovery/anon:ana/", "--customer ana", "--customer anon:ana",
	)
	out := make([]command, len(all))
	for i, c := range all {
		out[i] = command{c.line, r.Replace(c.text), nil}
		for _, want := range c.want {
			out[i].want = append(out[i].want, r.Replace(want))
		}
	}
	return out
}

// The page for channels holds for customers who are anonymous.
func TestDocsOfVisitors(t *testing.T) {
	t.Parallel()
	in := newInstall(t, shipped(t))
	in.startDev()
	in.followPage("channels.md", asVisitors(commands(t, "channels.md")))
}

// The page for channels holds for customers who were anonymous when they entered, and have signed in since: what comes
// straight to the enrollment, whose workflow id still begins with the anonymous id, is an event of the customer. The
// device has a new owner by then.
func TestDocsAfterAMerge(t *testing.T) {
	t.Parallel()
	in := newInstall(t, shipped(t))
	in.startDev()
	plain := commands(t, "channels.md")
	visitors := asVisitors(plain)
	direct := slices.IndexFunc(plain, func(c command) bool { return strings.Contains(c.text, "workflow signal") })
	if direct < 2 {
		t.Fatal("no signal follows the events by HTTP and Track")
	}
	in.followPage("channels.md", visitors[:direct])
	in.parked("cart-recovery/anon:ana/k1", "pause")
	post(t, in.url, "identify", map[string]any{"userId": "ana", "anonymousId": "ana"})
	post(t, in.url, "identify", map[string]any{"userId": "eve", "anonymousId": "ana"})
	for i := range visitors[direct:] {
		c := &visitors[direct+i]
		c.text = strings.ReplaceAll(c.text, "--customer anon:ana", "--customer ana")
	}
	in.followPage("channels.md", visitors[direct:])
	if got := in.ended("cart-recovery/anon:ana/k1", contract.Goal).Enrollment.Customer; got != "ana" {
		t.Errorf("the enrollment is of %q, want ana", got)
	}
}

// The pages for channels hold on PostgreSQL, with a Temporal that is on PostgreSQL too, as in production.
func TestDocsOnPostgres(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	in := newInstall(t, shipped(t))
	in.deployOnPostgres(database, "--insecure")
	in.followPage("channels.md", commands(t, "channels.md"))
}

// followPage runs commands of a page in a folder with bin/tabi.
func (in *install) followPage(page string, all []command) {
	in.Helper()
	folder := in.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "bin"), 0o755); err != nil {
		in.Fatal(err)
	}
	if err := os.Symlink(tabi(in), filepath.Join(folder, "bin", "tabi")); err != nil {
		in.Fatal(err)
	}
	for _, c := range all {
		in.follow(folder, page, c)
	}
}

// follow runs a command of a page until its output is that of the page.
func (in *install) follow(folder, page string, c command) {
	in.Helper()
	text := strings.ReplaceAll(c.text, "http://127.0.0.1:8080", in.url)
	err := poll(patience, func() error {
		sh := exec.Command("bash", "-c", text)
		sh.Dir = folder
		sh.Env = append(append(without(os.Environ(), "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"), in.env...),
			"TEMPORAL_ADDRESS="+in.temporal, "PATH="+filepath.Dir(tabi(in))+":"+os.Getenv("PATH"))
		sh.WaitDelay = time.Second
		out, err := sh.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		for _, want := range c.want {
			if !said(string(out), want) {
				return fmt.Errorf("it does not say %q, but:\n%s", want, out)
			}
		}
		return nil
	})
	if err != nil {
		in.Fatalf("docs/%s:%d: %s: %v", page, c.line, c.text, err)
	}
}
