package deploy_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Each alert is raised by what it is for and not by what is close to it, and docs/operations.md says what to do about it.
func TestAlerts(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "prometheus/alerts.yaml"}, {"test", "rules", "prometheus/alerts_test.yaml"},
	} {
		if out, err := exec.Command(tool(t, "promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v: %s", args, err, out)
		}
	}
	todo := map[string]bool{}
	page := string(deployFile(t, "../docs/operations.md"))
	_, section, _ := strings.Cut(page, "\n## Alerts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .{20,} \\|$").FindAllStringSubmatch(section, -1) {
		todo[m[1]] = true
	}
	tested := string(deployFile(t, "prometheus/alerts_test.yaml"))
	groups, _ := at(t, documents(t, "alerts", deployFile(t, "prometheus/alerts.yaml"))[0], "groups", 0, "rules").([]any)
	for _, rule := range groups {
		name, _ := at(t, rule, "alert").(string)
		url, _ := at(t, rule, "annotations", "runbook_url").(string)
		if !strings.HasSuffix(url, "/docs/operations.md#alerts") || !todo[name] {
			t.Errorf("%s: docs/operations.md does not say what to do about it; its link is %s", name, url)
		}
		delete(todo, name)
		for _, kind := range []string{" fires\n", " stays silent\n"} {
			if !strings.Contains(tested, "- name: "+name+kind) {
				t.Errorf("%s: no test that it%s", name, strings.TrimSuffix(kind, "\n"))
			}
		}
	}
	for name := range todo {
		t.Errorf("docs/operations.md speaks of the alert %s, which does not exist", name)
	}
	if len(groups) == 0 {
		t.Error("no alerts")
	}
}
