package archtest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"gopkg.in/yaml.v3"
)

// documents returns all YAML documents of a file under deploy/.
func documents(t *testing.T, name string, data []byte) []map[string]any {
	t.Helper()
	var out []map[string]any
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc map[string]any
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, doc)
	}
}

func deployFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// at walks into maps and lists: at(doc, "spec", "template", "spec", "containers", 0).
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for i, p := range path {
		switch key := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			if _, ok := m[key]; !ok {
				t.Fatalf("there is no %v", path[:i+1])
			}
			v = m[key]
		case int:
			l, _ := v.([]any)
			if key >= len(l) {
				t.Fatalf("there is no %v", path[:i+1])
			}
			v = l[key]
		}
	}
	return v
}

func TestKubernetesManifests(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	names, err := filepath.Glob(filepath.Join(root(t), "deploy", "kubernetes", "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, path := range names {
		name := filepath.Join("kubernetes", filepath.Base(path))
		for _, doc := range documents(t, name, deployFile(t, name)) {
			kind, _ := at(t, doc, "kind").(string)
			kinds[kind]++
			at(t, doc, "apiVersion")
			at(t, doc, "metadata", "name")
			if kind != "Deployment" {
				continue
			}
			if n := at(t, doc, "spec", "replicas"); n != 2 {
				t.Errorf("%s: %v replicas, want 2", name, n)
			}
			selector, _ := at(t, doc, "spec", "selector", "matchLabels").(map[string]any)
			labels, _ := at(t, doc, "spec", "template", "metadata", "labels").(map[string]any)
			for k, v := range selector {
				if labels[k] != v {
					t.Errorf("%s: the selector %s=%v does not match its own pods", name, k, v)
				}
			}
			container := at(t, doc, "spec", "template", "spec", "containers", 0)
			for probe, path := range map[string]string{"startupProbe": "/healthz", "livenessProbe": "/healthz",
				"readinessProbe": "/readyz"} {
				if got := at(t, container, probe, "httpGet", "path"); got != path {
					t.Errorf("%s: %s asks %v, want %s", name, probe, got, path)
				}
				if got, want := at(t, container, probe, "httpGet", "port"), at(t, container, "ports", 0, "name"); got != want {
					t.Errorf("%s: %s asks port %v, want %v", name, probe, got, want)
				}
			}
			at(t, container, "image")
			at(t, container, "resources", "limits", "memory")
		}
	}
	for kind, n := range map[string]int{"Deployment": 2, "Service": 1, "Secret": 1, "ConfigMap": 1} {
		if kinds[kind] != n {
			t.Errorf("%d of kind %s, want %d", kinds[kind], kind, n)
		}
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	data := deployFile(t, "compose.yaml")
	doc := documents(t, "compose.yaml", data)[0]
	services, _ := at(t, doc, "services").(map[string]any)
	for _, want := range []string{"postgres", "temporal", "gateway", "worker"} {
		at(t, services, want)
	}
	for name := range services {
		service, _ := services[name].(map[string]any)
		if service["image"] == nil && service["build"] == nil {
			t.Errorf("service %s has neither image nor build", name)
		}
		depends, _ := service["depends_on"].(map[string]any)
		for on := range depends {
			at(t, services, on)
		}
	}
	// Every value that compose asks for is in the sample, and the other way round.
	sample := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z_]+)=`).FindAllSubmatch(deployFile(t, "example.env"), -1) {
		sample[string(m[1])] = true
	}
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllSubmatch(data, -1) {
		asked[string(m[1])] = true
	}
	for name := range asked {
		if !sample[name] {
			t.Errorf("compose.yaml asks for %s, which example.env lacks", name)
		}
	}
	for name := range sample {
		if !asked[name] {
			t.Errorf("example.env has %s, which compose.yaml does not use", name)
		}
	}
}

var instructions = []string{"FROM", "RUN", "COPY", "ENV", "WORKDIR", "EXPOSE", "ENTRYPOINT", "CMD", "USER", "ARG", "LABEL"}

func TestDockerfiles(t *testing.T) {
	t.Parallel()
	for name, targets := range map[string][]string{"Dockerfile": {"tabi", "worker"}, "temporal/Dockerfile": nil} {
		stages := map[string]bool{}
		text := strings.ReplaceAll(string(deployFile(t, name)), "\\\n", " ")
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
				continue
			}
			if !slices.Contains(instructions, fields[0]) {
				t.Errorf("%s: %q is no instruction", name, fields[0])
			}
			if len(fields) < 2 {
				t.Errorf("%s: %s without arguments", name, fields[0])
			}
			if fields[0] == "FROM" && len(fields) == 4 && strings.EqualFold(fields[2], "AS") {
				stages[fields[3]] = true
			}
			if from, ok := strings.CutPrefix(fields[min(1, len(fields)-1)], "--from="); ok && !stages[from] {
				t.Errorf("%s: copies from stage %s, which is not above", name, from)
			}
		}
		for _, target := range targets {
			if !stages[target] {
				t.Errorf("%s has no target %s", name, target)
			}
		}
		if len(stages) == 0 {
			t.Errorf("%s has no named stage", name)
		}
	}
}

// The server renders its configuration as a template; so does this test, with and without an environment.
func TestTemporalConfiguration(t *testing.T) {
	t.Parallel()
	for _, set := range []map[string]string{{}, {"POSTGRES_ADDR": "db:5432", "TEMPORAL_BIND": "0.0.0.0"}} {
		functions := template.FuncMap{
			"env": func(name string) string { return set[name] },
			"default": func(def, v string) string {
				if v == "" {
					return def
				}
				return v
			},
		}
		parsed, err := template.New("production.yaml").Funcs(functions).Parse(string(deployFile(t, "temporal/production.yaml")))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := parsed.Execute(&out, nil); err != nil {
			t.Fatal(err)
		}
		doc := documents(t, "production.yaml", out.Bytes())[0]
		stores, _ := at(t, doc, "persistence", "datastores").(map[string]any)
		databases := map[any]bool{}
		for _, name := range []string{"defaultStore", "visibilityStore"} {
			store, _ := at(t, doc, "persistence", name).(string)
			sql := at(t, stores, store, "sql")
			if got := at(t, sql, "pluginName"); got != "postgres12_pgx" {
				t.Errorf("%s uses plugin %v", name, got)
			}
			want := "127.0.0.1:5432"
			if set["POSTGRES_ADDR"] != "" {
				want = set["POSTGRES_ADDR"]
			}
			if got := at(t, sql, "connectAddr"); got != want {
				t.Errorf("%s is at %v, want %s", name, got, want)
			}
			databases[at(t, sql, "databaseName")] = true
		}
		if len(databases) != 2 {
			t.Errorf("databases %v, want two", databases)
		}
		if got := at(t, doc, "persistence", "numHistoryShards"); got != 4 {
			t.Errorf("%v shards, want 4", got)
		}
		for _, service := range []string{"frontend", "matching", "history", "worker"} {
			at(t, doc, "services", service, "rpc", "grpcPort")
		}
	}
	dynamic := documents(t, "dynamicconfig.yaml", deployFile(t, "temporal/dynamicconfig.yaml"))[0]
	for _, key := range []string{"history.transferProcessorMaxPollRPS", "history.timerProcessorMaxPollRPS"} {
		if got := at(t, dynamic, key, 0, "value"); got != 200 {
			t.Errorf("%s is %v", key, got)
		}
	}
}
