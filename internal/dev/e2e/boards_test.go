package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// scrape returns what a process exports.
func scrape(t *testing.T, url, token string) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return out
}

// promtool returns the program; without it the test is skipped, and fails in CI.
func promtool(t *testing.T) string {
	t.Helper()
	path := filepath.Join(root(), "bin", "promtool")
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("there is no bin/promtool: run make manifests")
	}
	return path
}

// expressions returns every query of the boards and alerts, by where it is.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob(filepath.Join(root(), "deploy", "grafana", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no boards: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
			Templating struct {
				List []struct {
					Name  string
					Query any
				}
			}
		}
		if err := json.Unmarshal(data, &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				out[filepath.Base(file)+": "+p.Title+": "+target.Expr] = target.Expr
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(root(), "deploy", "prometheus", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var alerts struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(data, &alerts); err != nil {
		t.Fatal(err)
	}
	for _, group := range alerts.Groups {
		for _, rule := range group.Rules {
			out["alerts.yaml: "+rule.Alert] = rule.Expr
		}
	}
	return out
}

var metricName = regexp.MustCompile(`\b(?:tabi|temporal|process|go)_[a-z0-9_]+`)

// troubled is a project in which much happens that a board asks for: a template gets a value that it cannot use, a provider pushes back,
// somebody decides, and the journey ends.
var troubled = map[string]string{
	"troubled.yaml": lines(
		`journey: troubled`,
		`entry: {event: Trouble, reentry: never}`,
		`steps:`,
		`  - {id: ring, send: odd, via: push}`,
		`  - {id: offer, decide: offers}`,
	),
	"messages/odd.yaml": lines(
		`message: odd`,
		`push: {title: "{{ customer.first_name | times: 2 }} times", body: Hello}`,
	),
	"actions/offers.yaml": lines(
		`group: offers`,
		`actions:`,
		`  gift: {message: odd, via: [push], value: 1, accept: {event: Taken}}`,
	),
}

// trouble makes what most boards and alerts are for: a paused provider, a rate limit, a lost run, a workflow that no worker knows.
func (in *install) trouble() {
	in.Helper()
	all := []string{"odd-1", "odd-2", "odd-3"}
	for _, id := range all {
		in.push.answer("device-"+id, problem(http.StatusServiceUnavailable, "UNAVAILABLE", "", 1), (&moments{}).delivers)
		in.customer(id)
		in.track(id, "Trouble", "", nil)
	}
	in.enter([]string{"lost"})
	in.parked("nudge/lost/1", "reply")
	in.tctlGood("workflow", "delete", "--workflow-id", "nudge/lost/1")
	in.tell([]string{"lost"}, "Answered")
	in.tctlGood("workflow", "start", "--type", "Nobody", "--task-queue", contract.TaskQueue, "--workflow-id", "nobody")
	for _, id := range all {
		in.ended("troubled/"+id, contract.Completed)
	}
}

// lookForLostRuns lets the gateway ask Temporal for the run of each enrollment; it changes nothing.
func (in *install) lookForLostRuns() {
	in.Helper()
	req, err := http.NewRequest(http.MethodPost, in.url+"/v1/admin/restart", strings.NewReader(`{"dry_run":true}`))
	if err != nil {
		in.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		in.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		in.Fatalf("%s: %s", req.URL, resp.Status)
	}
}

// Every metric that a board or an alert asks for exists in what the processes export, under that name. promtool finds nothing to
// improve in tabi's own.
func TestBoardsAskForMetricsThatExist(t *testing.T) {
	t.Parallel()
	check := promtool(t)
	files := folder(troubled)
	files["nudge.yaml"] = nudge
	in := newInstall(t, files)
	worker := local(freePort())
	in.env = append(in.env, "TABI_METRICS_LISTEN="+worker, "TABI_RATE_LIMITS=push=2/s")
	in.deploy(pgtest.URL(t))
	in.enter([]string{"measured"})
	in.once([]string{"measured"})
	refused, err := http.Post(in.url+"/v1/track", "application/json", strings.NewReader(`{"writeKey":"`+writeKey+`","event":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Body.Close()
	in.trouble()
	var all []byte
	exists := func(name string) bool {
		return regexp.MustCompile(`(?m)^` + name + `[ {]`).Match(all)
	}
	missing := func() (out []string) {
		for where, expr := range expressions(t) {
			for _, name := range metricName.FindAllString(expr, -1) {
				if !exists(name) {
					out = append(out, where+" asks for "+name+", which no process exports")
				}
			}
		}
		return out
	}
	for range 120 { // some are counted a moment later
		in.lookForLostRuns()
		gateway, own := scrape(t, in.url, adminToken), scrape(t, "http://"+worker, "")
		all = append(append([]byte{}, gateway...), own...)
		if len(missing()) == 0 {
			break
		}
		<-time.After(500 * time.Millisecond)
	}
	for _, what := range missing() {
		t.Error(what)
	}
	for name, text := range map[string][]byte{"gateway": scrape(t, in.url, adminToken), "worker": scrape(t, "http://"+worker, "")} {
		cmd := exec.Command(check, "check", "metrics")
		cmd.Stdin = strings.NewReader(string(text))
		said, _ := cmd.CombinedOutput()
		for line := range strings.Lines(string(said)) {
			if strings.HasPrefix(line, "tabi_") {
				t.Errorf("promtool says of the %s: %s", name, line)
			}
		}
	}
}
