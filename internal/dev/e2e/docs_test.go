package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

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
	server := temporalOnPostgres(t)
	in := newInstall(t, shipped(t))
	in.env = append(in.env, "TABI_WRITE_KEYS=", "TABI_WRITE_KEY=", // the page's calls have none
		"TABI_MASTER_KEYS="+masterKey)
	in.deployOn(server, client.DefaultNamespace, database, "--insecure")
	in.followPage("channels.md", commands(t, "channels.md"))

	database = pgtest.URL(t)
	const namespace = "http"
	register(t, server, namespace)
	in = newInstall(t, unrelated)
	in.env = append(in.env, "TABI_WRITE_KEYS=server-key-0123456789=server", "TABI_TOKENS=:admin=admin-token-0123456789")
	in.deployOn(server, namespace, database, "--insecure") // the page's keys are too weak otherwise
	in.followExamples(examples(t))
}

// unrelated is a folder with journeys that no page speaks of. One names the event of a page, but no customer enters it.
var unrelated = map[string]string{
	"greeting.yaml": lines("journey: greeting", "entry: {event: Greeted}", "goal: {event: Answered}", "steps: [{wait: 1h}]"),
	"wholesale.yaml": lines(
		"journey: wholesale", "entry: {event: Cart Updated, when: event.total > 10000}", "goal: {event: Answered}", "steps: [{wait: 1h}]",
	),
}

// The examples of docs/http.md hold for customers who are anonymous, and for those who have signed in since.
func TestExamplesOfVisitors(t *testing.T) {
	t.Parallel()
	visitors := strings.NewReplacer(
		`"userId": "ana"`, `"anonymousId": "ana"`, `"customer":"ana"`, `"customer":"anon:ana"`, "/v1/inbox/ana", "/v1/inbox/anon:ana",
		`"customer": "ana"`, `"customer": "anon:ana"`, "%2Fana%2F", "%2Fanon:ana%2F",
	)
	merged := strings.NewReplacer(`"userId": "ana"`, `"anonymousId": "device"`, "/v1/inbox/ana", "/v1/inbox/anon:device")
	for name, by := range map[string]*strings.Replacer{"anonymous": visitors, "merged": merged} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInstall(t, unrelated)
			in.startDev()
			if name == "merged" {
				post(t, in.url, "track", map[string]any{"anonymousId": "device", "event": "Greeted"})
				post(t, in.url, "identify", map[string]any{"userId": "ana", "anonymousId": "device"})
			}
			var all []example
			for _, e := range examples(t) {
				all = append(all, example{by.Replace(e.path), e.method, by.Replace(e.body), by.Replace(e.want), e.headers})
			}
			in.followExamples(all)
		})
	}
}

// example is a request of docs/http.md and its answer.
type example struct {
	path, method, body, want string
	headers                  []string
}

// examples returns those of docs/http.md.
func examples(t testing.TB) (all []example) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root(), "docs", "http.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```http\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		request, want, ok := strings.Cut(block[1], "→ ")
		if !ok {
			t.Fatalf("an example without an answer: %s", block[1])
		}
		head, body, _ := strings.Cut(request, "\n\n")
		headers := strings.Split(strings.TrimSpace(head), "\n")
		method, path, _ := strings.Cut(headers[0], " ")
		all = append(all, example{path, method, strings.TrimSpace(body), strings.TrimSpace(want), headers[1:]})
	}
	if len(all) < 8 {
		t.Fatalf("docs/http.md has only %d examples", len(all))
	}
	return all
}

// followExamples sends the requests of the page and compares the answers with it.
func (in *install) followExamples(all []example) {
	in.Helper()
	for _, e := range all {
		req, err := http.NewRequest(e.method, in.url+e.path, strings.NewReader(e.body))
		if err != nil {
			in.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for _, line := range e.headers {
			name, value, _ := strings.Cut(line, ": ")
			req.Header.Set(name, value)
		}
		status, body := do(in, req)
		if got := fmt.Sprintf("%d %s", status, strings.TrimSpace(string(body))); !said(got, e.want) {
			in.Errorf("%s %s: %s; docs/http.md says %s", e.method, e.path, got, e.want)
		}
	}
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
	if !in.dev {
		text = strings.ReplaceAll(text, "/v1/codec", `/v1/codec --codec-auth "Bearer `+adminToken+`"`)
	}
	err := poll(patience, func() error {
		ctx, cancel := context.WithTimeout(in.Context(), patience)
		defer cancel()
		sh := exec.CommandContext(ctx, "bash", "-c", text)
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
