package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// newcomer is a machine on which docs/install.md is followed, as a user who is not root.
type newcomer struct {
	testing.TB
	home string
	env  []string
	attr *syscall.SysProcAttr
	port map[string]int // of the page's variables …_PORT and PGPORT
}

// programs of the page, which `make build bin/temporal-server bin/oidc-provider` makes.
func programs(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{"tabi": tabi(t), "tabi-worker": tabiWorker(t)}
	for _, name := range []string{"temporal", testservers.TemporalBinary, testservers.TemporalSQLTool, "oidc-provider"} {
		path, err := testservers.Find(name)
		if err != nil && os.Getenv("CI") == "true" {
			t.Fatal(err)
		} else if err != nil {
			t.Skipf("%v: run make build bin/temporal-server bin/oidc-provider", err)
		}
		out[name] = path
	}
	return out
}

// newNewcomer makes the home folder, with what the page's blocks for root and for building make.
func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	n := &newcomer{TB: t, home: t.TempDir(), attr: &syscall.SysProcAttr{Setpgid: true}, port: map[string]int{}}
	bin := filepath.Join(n.home, "tabi", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(n.home, "tabi", "deploy"), os.DirFS(filepath.Join(root(), "deploy"))); err != nil {
		t.Fatal(err)
	}
	for name, path := range programs(t) { // the folder that holds them may be another user's alone
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(bin, name), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		n.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chmod(filepath.Dir(n.home), 0o711); err != nil {
			t.Fatal(err)
		}
		if err := filepath.WalkDir(n.home, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, uid, gid)
		}); err != nil {
			t.Fatal(err)
		}
	}
	n.env = []string{"HOME=" + n.home, "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	// The page leaves these ports of Temporal's services as they are.
	for _, name := range []string{
		"FRONTEND_MEMBERSHIP", "FRONTEND_HTTP", "MATCHING", "MATCHING_MEMBERSHIP", "HISTORY", "HISTORY_MEMBERSHIP",
		"WORKER", "WORKER_MEMBERSHIP", "METRICS",
	} {
		n.env = append(n.env, fmt.Sprintf("%s_PORT=%d", name, freePort()))
	}
	n.guard()
	return n
}

// guard stops what the page has started when the test ends, even by being killed.
func (n *newcomer) guard() {
	c := n.command(`cat >/dev/null; [ ! -f ~/settings.sh ] || timeout 60 ~/tabi/deploy/services.sh stop
		for f in ~/run/*.pid; do kill -9 "$(cat "$f")"; done 2>/dev/null`)
	end, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() {
		_ = end.Close()
		_ = c.Wait()
		if !n.Failed() {
			return
		}
		logs, _ := filepath.Glob(filepath.Join(n.home, "log", "*.log"))
		for _, name := range logs {
			data, _ := os.ReadFile(name)
			n.Logf("%s:\n%s", filepath.Base(name), data[max(0, len(data)-3000):])
		}
	})
}

func (n *newcomer) command(script string) *exec.Cmd {
	c := exec.Command("bash", "-c", script)
	c.Env, c.Dir, c.SysProcAttr = n.env, n.home, n.attr
	return c
}

// shell runs a script as the newcomer and returns what it prints.
func (n *newcomer) shell(script string) string {
	n.Helper()
	c := n.command("set -eu\n" + script)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.WaitDelay = time.Second
	end := time.AfterFunc(4*time.Minute, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	defer end.Stop()
	if err := c.Run(); err != nil {
		n.Fatalf("%v\n%s\n%s", err, &out, &errs)
	}
	return out.String()
}

var pagePort = regexp.MustCompile(`(?m)^export ([A-Z]+_?PORT)=\d+$`)

// follow runs the page's blocks in one shell, as a person does who pastes them, and returns what they print.
func (n *newcomer) follow(page string, ports map[string]int) string {
	n.Helper()
	var script strings.Builder
	ran := 0
	for _, b := range shellBlocks(n, page) {
		if c := exec.Command("bash", "-n", "-c", b.text); c.Run() != nil {
			n.Errorf("bash cannot read a block of %q:\n%s", b.section, b.text)
		}
		switch b.language {
		case "sh":
			text := pagePort.ReplaceAllStringFunc(b.text, func(line string) string {
				name := pagePort.FindStringSubmatch(line)[1]
				if n.port[name] = ports[name]; n.port[name] == 0 {
					n.port[name] = freePort()
				}
				return fmt.Sprintf("export %s=%d", name, n.port[name])
			})
			ran++
			fmt.Fprintf(&script, "echo '### %s'\n%s\n", b.section, text)
		case "sh build": // what it makes is there: programs
			for _, m := range regexp.MustCompile(`make (.+)`).FindAllStringSubmatch(b.text, -1) {
				make := exec.Command("make", append([]string{"-n", "-C", root()}, strings.Fields(m[1])...)...)
				if out, err := make.CombinedOutput(); err != nil {
					n.Errorf("make %s: %v\n%s", m[1], err, out)
				}
			}
		case "sh root":
		default:
			n.Errorf("a block of %q is in the language %q", b.section, b.language)
		}
	}
	if ran < 10 {
		n.Errorf("the page has %d blocks", ran)
	}
	return n.shell(script.String())
}

var credential = regexp.MustCompile(`(?m)^LoadCredential=(\w+):/srv/tabi/secrets/(\w+)$`)

// asUnits restarts gateway and worker as the units of deploy/systemd run them: each with its own credentials, out of reach of ~/secrets.
func (n *newcomer) asUnits() {
	n.Helper()
	for _, name := range []string{"worker", "gateway"} {
		drop, err := os.ReadFile(filepath.Join(root(), "deploy", "systemd", "tabi@"+name+".service.d", name+".conf"))
		if err != nil {
			n.Fatal(err)
		}
		script := "mkdir ~/credentials\n"
		for _, m := range credential.FindAllStringSubmatch(string(drop), -1) {
			script += fmt.Sprintf("cp ~/secrets/%s ~/credentials/%s\n", m[2], m[1])
		}
		n.shell(script + "mv ~/secrets ~/secrets.away\n" +
			"CREDENTIALS_DIRECTORY=~/credentials ~/tabi/deploy/services.sh restart " + name + "\n" +
			"mv ~/secrets.away ~/secrets\nrm -rf ~/credentials")
	}
}

// client returns a browser that trusts the CA of the page.
func (n *newcomer) client() *http.Client {
	n.Helper()
	ca, err := os.ReadFile(filepath.Join(n.home, "certs", "ca.pem"))
	if err != nil {
		n.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	jar, err := cookiejar.New(nil)
	if err != nil {
		n.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: time.Minute, Transport: asBrowser{&http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, MinVersion: tls.VersionTLS12}}}}
}

// asBrowser asks for pages, so that a stranger is led to the sign-in.
type asBrowser struct{ http.RoundTripper }

func (b asBrowser) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept", "text/html")
	return b.RoundTripper.RoundTrip(req)
}

func bodyOf(t testing.TB, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signIn walks from tabi to the provider and back, as a browser does, and returns the page on which it ends.
func (n *newcomer) signIn(c *http.Client, tabi, name, password string) (string, *http.Response) {
	n.Helper()
	form, err := c.Get(tabi + "/login/oidc")
	text := bodyOf(n, form, err)
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(text)
	if id == nil {
		n.Fatalf("%s is no form of the provider: %s\n%s", form.Request.URL, form.Status, text)
	}
	at, err := form.Request.URL.Parse("/login/username")
	if err != nil {
		n.Fatal(err)
	}
	resp, err := c.PostForm(at.String(), url.Values{"id": {id[1]}, "username": {name}, "password": {password}})
	return bodyOf(n, resp, err), resp
}

// encodings returns the encodings of all payloads in a history, as `temporal workflow show` prints it.
func encodings(t testing.TB, history string) []string {
	t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(history), &doc); err != nil {
		t.Fatalf("%v\n%s", err, history)
	}
	var out []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if m, ok := v["metadata"].(map[string]any); ok && m["encoding"] != nil {
				text, err := base64.StdEncoding.DecodeString(fmt.Sprint(m["encoding"]))
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, string(text))
			}
			for name, inner := range v {
				if name != "searchAttributes" && name != "memo" { // ids, which Temporal finds runs by
					walk(inner)
				}
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(doc)
	return out
}

// Who follows docs/install.md from an empty folder has an installation as in production: TLS, sign-in by a provider, a customer in a
// journey, nothing readable in Temporal, a doctor without complaint, backups that restore, secrets that can be replaced. A customer who
// waits meanwhile goes on.
func TestInstallPage(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	mail := newMailSink(t)
	_, port, _ := strings.Cut(mail.address, ":")
	smtp, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	said := n.follow("install.md", map[string]int{"SMTP_PORT": smtp})
	t.Log(said)
	for _, line := range regexp.MustCompile(`(?m)^(fail|warn) .*$`).FindAllString(said, -1) {
		t.Errorf("the doctor says: %s", line)
	}
	if !strings.Contains(said, "1 customers are in the backup") {
		t.Error("the restored backup lacks the customer")
	}
	dumps, err := filepath.Glob(filepath.Join(n.home, "backups", "*", "*.dump"))
	if err != nil || len(dumps) != 6 {
		t.Errorf("two backups of three databases: %v %v", dumps, err)
	}
	await(t, "the mail", func() error {
		if got := mail.subjects("ana@example.com"); !slices.Equal(got, []string{"Welcome, Ana!"}) {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})

	// TLS, and nothing else
	tabi := fmt.Sprintf("https://localhost:%d", n.port["GATEWAY_PORT"])
	browser := n.client()
	resp, err := browser.Get(tabi + "/readyz")
	if text := bodyOf(t, resp, err); resp.StatusCode != http.StatusOK {
		t.Errorf("/readyz: %s %s", resp.Status, text)
	}
	if resp, err := http.Get(tabi + "/readyz"); err == nil {
		_ = resp.Body.Close()
		t.Error("a client that does not know the CA trusts the gateway")
	}
	resp, err = http.Get(strings.Replace(tabi, "https", "http", 1) + "/v1/admin/journeys/welcome")
	if err == nil {
		_ = resp.Body.Close()
	}
	if err == nil && resp.StatusCode < 400 {
		t.Errorf("without TLS: %s", resp.Status)
	}

	// Sign-in
	resp, err = browser.Get(tabi + "/journeys/welcome")
	if text := bodyOf(t, resp, err); !strings.HasSuffix(resp.Request.URL.Path, "/login") {
		t.Errorf("a stranger is at %s: %s", resp.Request.URL, text)
	}
	if _, resp := n.signIn(browser, tabi, "lea", "wrong"); resp.Request.URL.Port() == strconv.Itoa(n.port["GATEWAY_PORT"]) {
		t.Error("a wrong password leads back to tabi")
	}
	if text, resp := n.signIn(browser, tabi, "lea", "change-me-lea"); resp.StatusCode != http.StatusOK ||
		!strings.Contains(text, "You are signed in") {
		t.Errorf("lea ends at %s: %s\n%s", resp.Request.URL, resp.Status, text)
	}
	resp, err = browser.Get(tabi + "/journeys/welcome")
	if text := bodyOf(t, resp, err); resp.StatusCode != http.StatusOK || !strings.Contains(text, "first-order") {
		t.Errorf("the page of the journey: %s\n%s", resp.Status, text)
	}

	// What Temporal keeps
	history := n.shell(". ~/settings.sh\ntemporal workflow show --workflow-id welcome/ana --output json")
	all := encodings(t, history)
	for _, encoding := range all {
		if encoding != codec.Encoding && encoding != "binary/null" {
			t.Errorf("a payload in Temporal is readable: %s", encoding)
		}
	}
	if !slices.Contains(all, codec.Encoding) || strings.Contains(history, "ana@example.com") {
		t.Errorf("the encodings in the history of ana are %v", all)
	}
	// Ana waited through backup, restore, upgrade and new secrets, and continues without the old ones.
	n.shell(". ~/settings.sh\n~/tabi/deploy/rotate.sh drop secret link_secrets master_keys\n" +
		"for p in worker gateway; do ~/tabi/deploy/services.sh restart $p; done")
	n.asUnits()
	n.shell(`. ~/settings.sh
		curl -fsS --cacert ~/certs/ca.pem -H "Authorization: Bearer $(cat ~/secrets/shop_key)" "$TABI_PUBLIC_URL/v1/track" \
		  --json '{"userId":"ana","event":"Order Completed","properties":{"total":30}}'`)
	await(t, "ana's goal", func() error {
		if got := n.shell(". ~/settings.sh\ntabi status welcome/ana -o json"); !regexp.MustCompile(`"outcome": *"goal"`).MatchString(got) {
			return errors.New(got)
		}
		return nil
	})
	if got := mail.subjects("ana@example.com"); len(got) != 1 {
		t.Errorf("ana got %q", got)
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stranger := exec.CommandContext(ctx, filepath.Join(n.home, "tabi", "bin", "temporal"), "workflow", "list", "--address",
		local(n.port["FRONTEND_PORT"]))
	if out, err := stranger.CombinedOutput(); err == nil {
		t.Errorf("Temporal answers a client without a certificate: %s", out)
	}
}
