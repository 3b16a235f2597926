package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// block is a fenced block of a page: a file that the reader saves, or commands.
type block struct {
	line     int
	file     string
	text     string
	commands []command
}

// blocks returns those of a page in order. A file's block begins with a comment that names it.
func blocks(t testing.TB, page string) []block {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(), "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	all := commands(t, page)
	var out []block
	lang, begin := "", 0
	var body []string
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case !strings.HasPrefix(line, "```"):
			body = append(body, line)
		case lang == "":
			lang, begin, body = strings.TrimPrefix(line, "```"), i+1, nil
		default:
			b := block{line: begin, text: strings.Join(body, "\n") + "\n"}
			if name, ok := strings.CutPrefix(body[0], "# "); ok && lang == "yaml" {
				b.file = name
			}
			for _, c := range all {
				if lang == "console" && c.line > begin && c.line <= i {
					b.commands = append(b.commands, c)
				}
			}
			if b.file != "" || len(b.commands) > 0 {
				out = append(out, b)
			}
			lang = ""
		}
	}
	return out
}

// A designer who follows the tutorial in an empty folder gets the outputs that it shows.
func TestTutorial(t *testing.T) {
	t.Parallel()
	in := newInstall(t, nil)
	in.env = []string{"PATH=" + filepath.Dir(tabi(t)) + ":" + os.Getenv("PATH")}
	in.dir = t.TempDir()
	bin := filepath.Join(in.dir, ".bin")
	if err := errors.Join(os.MkdirAll(filepath.Join(in.dir, "journeys", "messages"), 0o755), os.Mkdir(bin, 0o755), os.Symlink(tabi(t),
		filepath.Join(bin, "tabi"))); err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, b := range blocks(t, "tutorial.md") {
		if b.file != "" {
			files++
			if err := os.WriteFile(filepath.Join(in.dir, filepath.FromSlash(b.file)), []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range b.commands {
			if rest, ok := strings.CutPrefix(c.text, "tabi dev"); ok {
				_, port, _ := strings.Cut(local(freePort()), ":")
				in.run(
					"dev",
					tabi(t),
					append([]string{"dev", "--listen", local(in.port), "--headless", "--temporal-port", port}, strings.Fields(rest)...)...)
				in.ready("dev")
				continue
			}
			in.learn(bin, c)
		}
	}
	if files < 5 {
		t.Errorf("the tutorial has %d files: its blocks are not found", files)
	}
}

// learn runs a command of the tutorial until its output is that of the page. A last line `exit status N` is not
// output.
func (in *install) learn(bin string, c command) {
	in.Helper()
	code, want := 0, c.want
	if n := len(want); n > 0 {
		if text, ok := strings.CutPrefix(want[n-1], "exit status "); ok {
			code, _ = strconv.Atoi(text)
			want = want[:n-1]
		}
	}
	err := poll(patience, func() error {
		sh := exec.Command("bash", "-c", strings.ReplaceAll(c.text, "http://127.0.0.1:8080", in.url))
		sh.Dir = in.dir
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "TABI_") && !strings.HasPrefix(v, "TEMPORAL_") && !strings.HasPrefix(v, "PATH=") {
				sh.Env = append(sh.Env, v)
			}
		}
		sh.Env = append(sh.Env, "PATH="+bin+":"+os.Getenv("PATH"), "GIT_CEILING_DIRECTORIES="+filepath.Dir(in.dir))
		sh.WaitDelay = time.Second
		out, err := sh.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return err
		}
		if got := sh.ProcessState.ExitCode(); got != code {
			return fmt.Errorf("exit status %d, want %d:\n%s", got, code, out)
		}
		for _, line := range want {
			if !said(string(out), line) {
				return fmt.Errorf("it does not say %q, but:\n%s", line, out)
			}
		}
		return nil
	})
	if err != nil {
		in.Fatalf("docs/tutorial.md:%d: %s: %v", c.line, c.text, err)
	}
}
