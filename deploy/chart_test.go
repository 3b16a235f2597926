package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/internal/app"
)

// tool returns a program that make builds. Without it the test is skipped, and fails in CI.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not built", path)
		}
		t.Skipf("there is no bin/%s: run make manifests", name)
	}
	return path
}

// render renders the chart, or returns helm's error.
func render(t *testing.T, args ...string) ([]map[string]any, []byte, error) {
	t.Helper()
	cmd := exec.Command(tool(t, "helm"), append([]string{"template", "demo", "helm/tabi", "--kube-version", "1.35.0"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s", err, &errs)
	}
	var docs []map[string]any
	for _, doc := range documents(t, "the chart", out) {
		if doc != nil {
			docs = append(docs, doc)
		}
	}
	return docs, out, nil
}

// valueFiles are the installations that the chart is rendered for.
func valueFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("helm/tabi/ci/*-values.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("values: %v %v", files, err)
	}
	return files
}

// Kubernetes takes what the chart renders: every field exists, has its type, and none that is required is missing.
func TestChartConforms(t *testing.T) {
	t.Parallel()
	for _, file := range valueFiles(t) {
		_, out, err := render(t, "-f", file)
		if err != nil {
			t.Fatal(err)
		}
		// A PodMonitor is a kind of the Prometheus operator. A schema refuses what is wrong: see below.
		check := exec.Command(tool(t, "kubeconform"), "-strict", "-summary", "-skip", "PodMonitor",
			"-schema-location", "helm/schemas/{{.ResourceKind}}{{.KindSuffix}}.json")
		check.Stdin = bytes.NewReader(out)
		if said, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", file, err, said)
		}
		lint := exec.Command(tool(t, "helm"), "lint", "--strict", "helm/tabi", "-f", file, "--kube-version", "1.35.0")
		if said, err := lint.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", file, err, said)
		}
	}
}

// The schemas refuse a field that does not exist, a wrong type, and a missing field.
func TestSchemasAreStrict(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{
		"a field that does not exist": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {prots: []}\n",
		"a wrong type":                "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: x}]}\n",
		"a field that is missing":     "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1}\n",
	} {
		check := exec.Command(tool(t, "kubeconform"), "-strict", "-schema-location", "helm/schemas/{{.ResourceKind}}{{.KindSuffix}}.json")
		check.Stdin = strings.NewReader(manifest)
		if out, err := check.CombinedOutput(); err == nil {
			t.Errorf("%s was taken: %s", name, out)
		}
	}
}

// What Kubernetes takes can still be wrong: pods that a selector does not find, probes of a port without a name, a secret in the
// environment, a grace period that ends before the process does.
func TestChartIsSafe(t *testing.T) {
	t.Parallel()
	for _, file := range valueFiles(t) {
		docs, _, err := render(t, "-f", file)
		if err != nil {
			t.Fatal(err)
		}
		pods := map[string]map[string]any{} // by name of the workload: the labels of its pods
		for _, doc := range docs {
			kind := at(t, doc, "kind")
			if kind != "Deployment" && kind != "Job" {
				continue
			}
			name := fmt.Sprint(at(t, doc, "metadata", "name"))
			pods[name], _ = at(t, doc, "spec", "template", "metadata", "labels").(map[string]any)
			checkPod(t, file+": "+name, at(t, doc, "spec", "template", "spec"), kind == "Deployment")
		}
		for _, doc := range docs {
			name := fmt.Sprint(at(t, doc, "kind"), " ", at(t, doc, "metadata", "name"))
			var selector any
			switch at(t, doc, "kind") {
			case "Service":
				selector = at(t, doc, "spec", "selector")
			case "Deployment", "PodDisruptionBudget", "PodMonitor":
				selector = at(t, doc, "spec", "selector", "matchLabels")
			case "NetworkPolicy":
				if selector = at(t, doc, "spec", "podSelector", "matchLabels"); strings.Contains(name, "temporal") {
					continue // of another chart
				}
			case "HorizontalPodAutoscaler":
				if target := fmt.Sprint(at(t, doc, "spec", "scaleTargetRef", "name")); pods[target] == nil {
					t.Errorf("%s: %s scales %s, which does not exist", file, name, target)
				}
				continue
			case "Secret", "ConfigMap":
				t.Errorf("%s: the chart makes a %s; secrets exist before it, and settings are in the pods", file, name)
				continue
			case "ServiceAccount":
				if at(t, doc, "automountServiceAccountToken") != false {
					t.Errorf("%s: %s has its token in the pods", file, name)
				}
				continue
			default:
				continue
			}
			want, _ := selector.(map[string]any)
			found := 0
			for _, labels := range pods {
				if matches(want, labels) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s: %s selects the pods of %d workloads, want one: %v", file, name, found, want)
			}
		}
	}
}

func matches(selector, labels map[string]any) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}

func checkPod(t *testing.T, name string, pod any, serves bool) {
	t.Helper()
	if at(t, pod, "automountServiceAccountToken") != false || at(t, pod, "securityContext", "runAsNonRoot") != true {
		t.Errorf("%s has a token of Kubernetes, or runs as root", name)
	}
	container := at(t, pod, "containers", 0)
	if at(t, container, "securityContext", "readOnlyRootFilesystem") != true ||
		at(t, container, "securityContext", "allowPrivilegeEscalation") != false {
		t.Errorf("%s may write to its image, or gain privileges", name)
	}
	at(t, container, "resources", "limits", "memory")
	env, _ := at(t, container, "env").([]any)
	values := map[string]string{}
	for _, one := range env {
		if v, ok := one.(map[string]any); ok {
			variable := fmt.Sprint(v["name"])
			if _, twice := values[variable]; twice {
				t.Errorf("%s has %s twice", name, variable)
			}
			values[variable] = fmt.Sprint(v["value"])
		}
	}
	mounted := map[string]bool{}
	items, _ := at(t, pod, "volumes", 0, "secret", "items").([]any)
	for _, item := range items {
		mounted[fmt.Sprint(at(t, item, "path"))] = true
	}
	for _, variable := range secrets(t) {
		value, set := values[variable]
		if set && value != "@/run/secrets/tabi/"+variable {
			t.Errorf("%s: %s is in the environment", name, variable)
		}
		if strings.HasPrefix(value, "@") && !mounted[variable] {
			t.Errorf("%s: the file of %s is not mounted", name, variable)
		}
	}
	if !serves {
		return
	}
	ports := at(t, container, "ports", 0, "name")
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		if got := at(t, container, probe, "httpGet", "port"); got != ports {
			t.Errorf("%s: %s asks port %v, and the container names %v", name, probe, got, ports)
		}
	}
	grace, _ := at(t, pod, "terminationGracePeriodSeconds").(int)
	needs := 10 * time.Second // what every process may take after SIGTERM and its drain
	if drain, ok := values["TABI_DRAIN"]; ok {
		d, err := time.ParseDuration(drain)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		needs += d
	}
	fields, _ := container.(map[string]any)
	if fields["lifecycle"] != nil {
		seconds, _ := at(t, container, "lifecycle", "preStop", "sleep", "seconds").(int)
		needs += time.Duration(seconds) * time.Second
	}
	if time.Duration(grace)*time.Second <= needs {
		t.Errorf("%s is killed after %d s, and may need %s to end", name, grace, needs)
	}
	if len(at(t, pod, "topologySpreadConstraints").([]any)) == 0 {
		t.Errorf("%s may have all its pods on one host", name)
	}
}

// secrets returns the variables that hold secrets.
func secrets(t *testing.T) []string {
	t.Helper()
	var cfg app.Config
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	cfg.Register(flags, ^app.Groups(0))
	out := []string{"TABI_DATABASE", "TABI_SMS_URL"} // they may hold a password
	flags.VisitAll(func(f *pflag.Flag) {
		if m := regexp.MustCompile(`\[([A-Z_]+)\]$`).FindStringSubmatch(f.Usage); m != nil && f.Value.Type() == "secret" {
			out = append(out, m[1])
		}
	})
	return out
}

// The schema of the values refuses what cannot work: helm reads it before it renders anything.
func TestChartRefuses(t *testing.T) {
	t.Parallel()
	compiler := jsonschema.NewCompiler()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(deployFile(t, "helm/tabi/values.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("values.json", schema); err != nil {
		t.Fatal(err)
	}
	check, err := compiler.Compile("values.json")
	if err != nil {
		t.Fatal(err)
	}
	takes := func(values string) bool {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(values))
		if err != nil {
			t.Fatal(err)
		}
		return check.Validate(v) == nil
	}
	const address = `{"publicURL": "https://tabi.example.com"`
	for _, variable := range secrets(t) {
		if takes(address + `, "settings": {"` + variable + `": "hush"}}`) {
			t.Errorf("the secret %s was taken as a setting, in the environment", variable)
		}
	}
	for values, want := range map[string]bool{
		address + `, "settings": {"TABI_DRAIN": "3s", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318"}}`: true,
		`{}`:                                false,
		`{"publicURL": "tabi.example.com"}`: false,
		address + `, "image": {"tag": "latest"}}`:                                                                      false,
		address + `, "gateway": {"replicas": "3"}}`:                                                                    false,
		address + `, "worker": {"autoscaling": {"outboxDepth": -1}}}`:                                                  false,
		address + `, "networkPolicy": {"egress": [{"from": []}]}}`:                                                     false,
		address + `, "podMonitor": {"enabled": "yes"}}`:                                                                false,
		address + `, "gatway": {"replicas": 3}}`:                                                                       false,
		address + `, "settings": {"TABBI_DRAIN": "3s"}}`:                                                               false,
		address + `, "image": {"tabiDigest": "sha256:a"}}`:                                                             false,
		address + `, "oidc": {"issuer": "https://login.example.com", "clientID": "tabi", "roles": ["crm=agent:a|b"]}}`: true,
		address + `, "oidc": {"issuer": "https://login.example.com", "clientID": "tabi", "roles": []}}`:                false,
		address + `, "oidc": {"issuer": "https://login.example.com", "roles": ["crm=admin"]}}`:                         false,
		address + `, "oidc": {"issuer": "http://login.example.com", "clientID": "tabi", "roles": ["crm=admin"]}}`:      false,
		address + `, "oidc": {"issuer": "https://login.example.com", "clientID": "tabi", "roles": ["crm=boss"]}}`:      false,
	} {
		if got := takes(values); got != want {
			t.Errorf("%s was taken: %t", values, got)
		}
	}
	if _, _, err := render(t); err == nil {
		t.Error("helm rendered the chart without an address")
	}
}

// The list of deploy/README.md lets gateway and worker out to DNS, PostgreSQL, Temporal, the mail server, the identity provider and the
// collector, and to nothing else of the cluster or of a cloud. Without a list everything is open.
func TestChartLetsOut(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(string(deployFile(t, "README.md")), "### What the pods reach")
	_, example, _ := strings.Cut(section, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	file := filepath.Join(t.TempDir(), "values.yaml")
	write(t, file, "publicURL: https://tabi.example.com\n"+example)
	policies := func(args ...string) map[string]any {
		docs, out, err := render(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		check := exec.Command(tool(t, "kubeconform"), "-strict", "-schema-location", "helm/schemas/{{.ResourceKind}}{{.KindSuffix}}.json")
		check.Stdin = bytes.NewReader(out)
		if said, err := check.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, said)
		}
		found := map[string]any{}
		for _, doc := range docs {
			if at(t, doc, "kind") == "NetworkPolicy" {
				found[fmt.Sprint(at(t, doc, "metadata", "name"))] = at(t, doc, "spec")
			}
		}
		if len(found) != 2 {
			t.Fatalf("policies %v", found)
		}
		return found
	}
	for name, spec := range policies("-f", file) {
		open := map[string]bool{}
		rules, _ := at(t, spec, "egress").([]any)
		for _, rule := range rules {
			fields, _ := rule.(map[string]any)
			ports, _ := fields["ports"].([]any)
			for _, port := range ports {
				open[fmt.Sprint(at(t, port, "port"), "/", at(t, port, "protocol"))] = true
				if to, _ := fields["to"].([]any); len(to) == 0 && at(t, port, "port") != 53 {
					t.Errorf("%s: port %v is open to everywhere", name, at(t, port, "port"))
				}
			}
			if len(ports) == 0 {
				t.Errorf("%s: %v has no ports", name, rule)
			}
		}
		for _, want := range []string{"53/UDP", "53/TCP", "5432/TCP", "7233/TCP", "587/TCP", "443/TCP", "4318/TCP"} {
			if !open[want] {
				t.Errorf("%s does not let out to %s: %v", name, want, open)
			}
		}
	}
	for name, spec := range policies("--set", "publicURL=https://tabi.example.com") {
		if types := fmt.Sprint(at(t, spec, "policyTypes")); types != "[Ingress]" {
			t.Errorf("%s without a list: %s", name, types)
		}
	}
}

// Replicas are the chart's, unless an autoscaler sets them: its own, or another one.
func TestChartLeavesReplicasToScalers(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]bool{
		"worker.replicas=3": true, "worker.autoscaling.enabled=true": false, "worker.autoscaling.elsewhere=true": false,
	} {
		docs, _, err := render(t, "--set", "publicURL=https://tabi.example.com", "--set", set)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			if doc["kind"] != "Deployment" || at(t, doc, "metadata", "name") != "demo-worker" {
				continue
			}
			spec, _ := doc["spec"].(map[string]any)
			if _, has := spec["replicas"]; has != want {
				t.Errorf("%s: replicas are in the chart: %t", set, has)
			}
		}
	}
}

// Values that the chart has and its schema does not, and the other way round.
func TestChartValuesHaveSchema(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(deployFile(t, "helm/tabi/values.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	values := documents(t, "values.yaml", deployFile(t, "helm/tabi/values.yaml"))[0]
	var walk func(path string, values, schema map[string]any)
	walk = func(path string, values, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		for key, value := range values {
			field, ok := properties[key].(map[string]any)
			if !ok {
				t.Errorf("values.schema.json lacks %s%s", path, key)
				continue
			}
			if inner, ok := value.(map[string]any); ok && field["properties"] != nil {
				walk(path+key+".", inner, field)
			}
		}
		for key := range properties {
			if _, ok := values[key]; !ok && key != "global" {
				t.Errorf("values.yaml lacks %s%s", path, key)
			}
		}
	}
	walk("", values, schema)
	known := variables(t)
	for _, list := range []string{"common", "processes", "gateway", "worker"} {
		names, _ := at(t, values, "secret", list).([]any)
		for _, name := range names {
			if !slices.Contains(known, fmt.Sprint(name)) {
				t.Errorf("secret.%s has %s, which no process reads", list, name)
			}
		}
	}
}

// Gateway and worker have the master keys; with the values for it, the gateway speaks TLS and lets people sign in by a provider.
func TestChartIsClosed(t *testing.T) {
	t.Parallel()
	rendered := func(file string) (parts map[string]any, ports map[string]any) {
		docs, _, err := render(t, "-f", "helm/tabi/ci/"+file)
		if err != nil {
			t.Fatal(err)
		}
		parts, ports = map[string]any{}, map[string]any{}
		for _, doc := range docs {
			name := fmt.Sprint(at(t, doc, "metadata", "name"))
			switch at(t, doc, "kind") {
			case "Deployment":
				parts[name] = at(t, doc, "spec", "template", "spec")
			case "Service":
				ports[name] = at(t, doc, "spec", "ports", 0, "port")
			}
		}
		return parts, ports
	}
	value := func(pod any, variable string) any {
		env, _ := at(t, pod, "containers", 0, "env").([]any)
		for _, one := range env {
			if at(t, one, "name") == variable {
				return at(t, one, "value")
			}
		}
		return nil
	}
	scheme := func(pod any) any { return at(t, pod, "containers", 0, "readinessProbe", "httpGet", "scheme") }
	for _, file := range []string{"least-values.yaml", "all-values.yaml"} {
		parts, _ := rendered(file)
		for name, pod := range parts {
			for _, variable := range []string{"TABI_MASTER_KEYS", "TABI_LINK_SECRETS"} {
				if got := value(pod, variable); got != "@/run/secrets/tabi/"+variable {
					t.Errorf("%s: %s of %s is %v", file, variable, name, got)
				}
			}
		}
	}
	least, ports := rendered("least-values.yaml")
	if pod := least["demo-gateway"]; value(pod, "TABI_TLS_CERT") != nil || scheme(pod) != "HTTP" || ports["demo-gateway"] != 80 {
		t.Errorf("without a certificate, the gateway is asked by %v at %v", scheme(pod), ports)
	}
	all, ports := rendered("all-values.yaml")
	gateway := all["demo-gateway"]
	for variable, want := range map[string]string{
		"TABI_TLS_CERT": "/run/secrets/tls/tls.crt", "TABI_TLS_KEY": "/run/secrets/tls/tls.key",
		"TABI_OIDC_ISSUER": "https://login.example.com", "TABI_OIDC_CLIENT_ID": "tabi",
		"TABI_OIDC_CLIENT_SECRET": "@/run/secrets/tabi/TABI_OIDC_CLIENT_SECRET",
	} {
		if got := value(gateway, variable); got != want {
			t.Errorf("%s of the gateway is %v, want %s", variable, got, want)
		}
		if got := value(all["demo-worker"], variable); got != nil {
			t.Errorf("the worker has %s", variable)
		}
	}
	roles, err := app.ParseRoles("oidc-roles", fmt.Sprint(value(gateway, "TABI_OIDC_ROLES")))
	if err != nil || len(roles) != 2 || len(roles[1].Queues) != 2 {
		t.Errorf("the roles of groups are %+v, %v", roles, err)
	}
	mounts, _ := at(t, gateway, "containers", 0, "volumeMounts").([]any)
	if !slices.ContainsFunc(mounts, func(m any) bool { return at(t, m, "mountPath") == "/run/secrets/tls" }) {
		t.Error("the gateway's certificate is not mounted")
	}
	if scheme(gateway) != "HTTPS" || scheme(all["demo-worker"]) != "HTTP" || ports["demo-gateway"] != 443 {
		t.Errorf("the gateway is asked by %v at %v", scheme(gateway), ports)
	}
}
