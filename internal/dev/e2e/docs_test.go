package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
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
			folder := t.TempDir()
			if err := os.Mkdir(filepath.Join(folder, "bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(tabi(t), filepath.Join(folder, "bin", "tabi")); err != nil {
				t.Fatal(err)
			}
			for _, c := range commands(t, page) {
				in.follow(folder, page, c)
			}
		})
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
