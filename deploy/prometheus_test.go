package deploy_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Each alert is raised by what it is for and not by what is close to it, and links to a section that says what to do.
func TestAlerts(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "prometheus/alerts.yaml"}, {"test", "rules", "prometheus/alerts_test.yaml"},
	} {
		if out, err := exec.Command(tool(t, "promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v: %s", args, err, out)
		}
	}
	anchors := map[string]bool{}
	heading := regexp.MustCompile(`(?m)^##+ (.+)$`)
	for _, m := range heading.FindAllStringSubmatch(string(deployFile(t, "../docs/operations.md")), -1) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		anchors[strings.ReplaceAll(words, " ", "-")] = true
	}
	tested := string(deployFile(t, "prometheus/alerts_test.yaml"))
	groups, _ := at(t, documents(t, "alerts", deployFile(t, "prometheus/alerts.yaml"))[0], "groups", 0, "rules").([]any)
	for _, rule := range groups {
		name, _ := at(t, rule, "alert").(string)
		url, _ := at(t, rule, "annotations", "runbook_url").(string)
		_, anchor, _ := strings.Cut(url, "docs/operations.md#")
		if !anchors[anchor] {
			t.Errorf("%s: docs/operations.md has no section #%s", name, anchor)
		}
		for _, kind := range []string{" fires\n", " stays silent\n"} {
			if !strings.Contains(tested, "- name: "+name+kind) {
				t.Errorf("%s: no test that it%s", name, strings.TrimSuffix(kind, "\n"))
			}
		}
	}
	if len(groups) == 0 {
		t.Error("no alerts")
	}
}
