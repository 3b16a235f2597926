package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/app"
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
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	out, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
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

func TestCompose(t *testing.T) {
	t.Parallel()
	data := deployFile(t, "compose.yaml")
	doc := documents(t, "compose.yaml", data)[0]
	services, _ := at(t, doc, "services").(map[string]any)
	for name := range services {
		service, _ := services[name].(map[string]any)
		build, _ := service["build"].(map[string]any)
		if service["image"] == nil && build == nil {
			t.Errorf("service %s has neither image nor build", name)
		}
		if target, ok := build["target"]; ok {
			from := regexp.MustCompile(fmt.Sprintf(`(?mi)^FROM .+ AS %v$`, target))
			if !from.Match(deployFile(t, strings.TrimPrefix(fmt.Sprint(build["dockerfile"]), "deploy/"))) {
				t.Errorf("service %s: %v has no target %v", name, build["dockerfile"], target)
			}
		}
		depends, _ := service["depends_on"].(map[string]any)
		for on := range depends {
			at(t, services, on)
		}
	}
	// Every value that compose asks for is in the sample. The sample names settings that exist.
	sample := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllSubmatch(deployFile(t, "example.env"), -1) {
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
		if !asked[name] && !slices.Contains(variables(t), name) {
			t.Errorf("example.env has %s, which neither compose.yaml nor a process reads", name)
		}
	}
}

// variables returns the variables that gateway and worker read.
func variables(t *testing.T) []string {
	t.Helper()
	var cfg app.Config
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	cfg.Register(flags, ^app.Groups(0))
	var out []string
	flags.VisitAll(func(f *pflag.Flag) {
		if m := regexp.MustCompile(`\[([A-Z_]+)\]$`).FindStringSubmatch(f.Usage); m != nil {
			out = append(out, m[1])
		}
	})
	return out
}

// What a container of an installation is allowed to be: from an image that nobody can exchange, restarted after a reboot, checked,
// reached from this host alone, and with every secret in a file.
func TestComposeIsSafe(t *testing.T) {
	t.Parallel()
	doc := documents(t, "compose.yaml", deployFile(t, "compose.yaml"))[0]
	services, _ := at(t, doc, "services").(map[string]any)
	digest := regexp.MustCompile(`:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}$`)
	for name, one := range services {
		service, _ := one.(map[string]any)
		if image, ok := service["image"].(string); ok && !digest.MatchString(image) {
			t.Errorf("%s: the image %s is not named by tag and digest", name, image)
		}
		if service["restart"] == nil {
			t.Errorf("%s: does not start again after a reboot", name)
		}
		ports, _ := service["ports"].([]any)
		for _, port := range ports {
			if text := fmt.Sprint(port); !strings.HasPrefix(text, "127.0.0.1:") && !strings.HasPrefix(text, "${TABI_BIND:-127.0.0.1}:") {
				t.Errorf("%s: port %v is open to other hosts", name, port)
			}
		}
		environment, _ := service["environment"].(map[string]any)
		for variable, value := range environment {
			secret := regexp.MustCompile(`PASSWORD|SECRET|KEYS|TOKEN|DATABASE`).MatchString(variable)
			if file := strings.HasPrefix(fmt.Sprint(value), "@/run/secrets/") || strings.HasSuffix(variable, "_FILE"); secret && !file {
				t.Errorf("%s: %s is in the environment, and everyone who may inspect the container reads it", name, variable)
			}
			if path, _ := strings.CutPrefix(fmt.Sprint(value), "@"); strings.HasPrefix(path, "/run/secrets/") {
				mounted, _ := service["secrets"].([]any)
				if !slices.Contains(mounted, any(filepath.Base(path))) {
					t.Errorf("%s: %s names %s, which is not mounted", name, variable, path)
				}
			}
		}
	}
	for _, file := range []string{"Dockerfile", "temporal/Dockerfile"} {
		stages := map[string]bool{}
		from := regexp.MustCompile(`(?m)^FROM (\S+) AS (\S+)|^FROM (\S+)$`)
		for _, m := range from.FindAllStringSubmatch(string(deployFile(t, file)), -1) {
			if from := m[1] + m[3]; !digest.MatchString(from) && !stages[from] {
				t.Errorf("%s: the base image %s is not named by tag and digest", file, from)
			}
			stages[m[2]] = true
		}
	}
	for _, target := range []string{"tabi", "tabi-worker"} {
		if !strings.Contains(string(deployFile(t, "Dockerfile")), `CMD ["/usr/local/bin/`+target+`", "health"]`) {
			t.Errorf("the image of %s has no health check", target)
		}
	}
}

// secrets.sh makes every secret that compose.yaml mounts, changes none that exists, and what it makes is taken by the processes.
func TestComposeSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secrets.sh"), deployFile(t, "secrets.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, "secrets", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for range 2 {
		before, _ := os.ReadFile(filepath.Join(dir, "secrets", "secret"))
		if out, err := exec.Command(filepath.Join(dir, "secrets.sh")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if before != nil && read("secret") != string(before) {
			t.Error("a second run changed a secret")
		}
	}
	secrets, _ := at(t, documents(t, "compose.yaml", deployFile(t, "compose.yaml"))[0], "secrets").(map[string]any)
	for name := range secrets {
		if strings.TrimSpace(read(name)) == "" {
			t.Errorf("the secret %s is empty", name)
		}
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	var cfg app.Config
	cfg.Register(flags, app.Storage|app.HTTP)
	err := cfg.Load(flags, func(name string) (string, bool) {
		file := map[string]string{"TABI_DATABASE": "database_url", "TABI_SECRET": "secret", "TABI_WRITE_KEYS": "write_keys",
			"TABI_TOKENS": "tokens", "TABI_LINK_SECRETS": "link_secrets", "TABI_MASTER_KEYS": "master_keys"}[name]
		return "@" + filepath.Join(dir, "secrets", file), file != ""
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.CheckServe(); err != nil {
		t.Error(err)
	}
	if _, err := cfg.Keys(); err != nil {
		t.Error(err)
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
			if want := set["POSTGRES_ADDR"]; want != "" && at(t, sql, "connectAddr") != want {
				t.Errorf("%s is at %v, want %s", name, at(t, sql, "connectAddr"), want)
			}
			databases[at(t, sql, "databaseName")] = true
			if password := at(t, sql, "password"); password != "" {
				t.Errorf("%s has the default password %v", name, password)
			}
		}
		if len(databases) != 2 { // two schemas cannot share one
			t.Errorf("databases %v, want two", databases)
		}
		for _, service := range []string{"frontend", "matching", "history", "worker"} {
			at(t, doc, "services", service, "rpc", "grpcPort")
		}
	}
	documents(t, "dynamicconfig.yaml", deployFile(t, "temporal/dynamicconfig.yaml"))
}

// The standard library comes with Go, so both images name its patch release, and the same one.
func TestImagesNameGo(t *testing.T) {
	t.Parallel()
	patch := regexp.MustCompile(`(?m)^ENV .*GOTOOLCHAIN=(go(\d+\.\d+)\.\d+)$`)
	var first string
	for _, file := range []string{"Dockerfile", "temporal/Dockerfile"} {
		text := string(deployFile(t, file))
		m := patch.FindStringSubmatch(text)
		if m == nil || !strings.Contains(text, "FROM golang:"+m[2]+"-") {
			t.Errorf("%s names no patch release of the Go that it is built from: %v", file, m)
		} else if first == "" {
			first = m[1]
		} else if m[1] != first {
			t.Errorf("%s is built by %s, the other image by %s", file, m[1], first)
		}
	}
}

// compose.yaml is what docker compose takes: compose-spec.json is the schema of compose-go v2.16.2 (Apache License 2.0), by which docker
// compose itself checks files. It starts the services in order, and knows of each whether it works.
func TestComposeConforms(t *testing.T) {
	t.Parallel()
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(deployFile(t, "compose-spec.json")))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("compose.json", raw); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("compose.json")
	if err != nil {
		t.Fatal(err)
	}
	text := string(deployFile(t, "compose.yaml"))
	if err := schema.Validate(documents(t, "compose.yaml", []byte(text))[0]); err != nil {
		t.Error(err)
	}
	for from, to := range map[string]string{"healthcheck:": "helthcheck:", "ports: [": "ports: [[", "interval: 5s": "interval: [5s]"} {
		wrong := strings.Replace(text, from, to, 1)
		if to == "ports: [[" {
			wrong = strings.Replace(wrong, ":8080\"]", ":8080\"]]", 1)
		}
		if wrong == text || schema.Validate(documents(t, to, []byte(wrong))[0]) == nil {
			t.Errorf("the schema takes %s", to)
		}
	}
	services, _ := at(t, documents(t, "compose.yaml", []byte(text))[0], "services").(map[string]any)
	for name, one := range services {
		service, _ := one.(map[string]any)
		depends, _ := service["depends_on"].(map[string]any)
		for on, how := range depends {
			other, _ := services[on].(map[string]any)
			ends := other["restart"] == "on-failure"
			if condition := at(t, how, "condition"); ends != (condition == "service_completed_successfully") ||
				!ends && (condition != "service_healthy" || other["healthcheck"] == nil) {
				t.Errorf("%s starts after %s by %v, which is not known to work", name, on, condition)
			}
		}
		if len(depends) == 0 && name != "postgres" {
			t.Errorf("%s does not wait for what it needs", name)
		}
	}
}
