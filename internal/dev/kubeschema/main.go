// Command kubeschema writes the JSON Schemas by which kubeconform checks what the Helm chart renders, one file for each kind, from
// the OpenAPI description in Kubernetes' Go module. The files are kept in the repository, so that the check needs no network.
//
//	go mod download -json k8s.io/kubernetes@v1.35.0       # prints Dir
//	go run ./internal/dev/kubeschema Dir/api/openapi-spec/swagger.json deploy/helm/schemas
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kinds are those that the chart may render, by their names in the description.
var kinds = map[string]string{
	"deployment-apps-v1":                     "io.k8s.api.apps.v1.Deployment",
	"service-v1":                             "io.k8s.api.core.v1.Service",
	"serviceaccount-v1":                      "io.k8s.api.core.v1.ServiceAccount",
	"job-batch-v1":                           "io.k8s.api.batch.v1.Job",
	"networkpolicy-networking-v1":            "io.k8s.api.networking.v1.NetworkPolicy",
	"ingress-networking-v1":                  "io.k8s.api.networking.v1.Ingress",
	"poddisruptionbudget-policy-v1":          "io.k8s.api.policy.v1.PodDisruptionBudget",
	"horizontalpodautoscaler-autoscaling-v2": "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: kubeschema swagger.json FOLDER"))
	}
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	var swagger struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(data, &swagger); err != nil {
		fail(err)
	}
	for file, root := range kinds {
		definitions := map[string]any{}
		collect(swagger.Definitions, root, definitions)
		out, err := json.Marshal(map[string]any{"$ref": "#/definitions/" + root, "definitions": definitions})
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[2], file+".json"), append(out, '\n'), 0o644)
		}
		if err != nil {
			fail(err)
		}
	}
}

// collect adds a definition and those that it names, directly or not.
func collect(all map[string]map[string]any, name string, out map[string]any) {
	if _, done := out[name]; done {
		return
	}
	out[name] = nil // against a cycle
	switch name {
	case "io.k8s.apimachinery.pkg.util.intstr.IntOrString", "io.k8s.apimachinery.pkg.api.resource.Quantity":
		out[name] = map[string]any{"type": []string{"string", "number"}}
		return
	}
	out[name] = strict(all[name], func(ref string) { collect(all, ref, out) })
}

// strict returns a schema without descriptions, in which an object takes no field that it does not name.
func strict(schema any, ref func(string)) any {
	switch s := schema.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range s {
			switch {
			case key == "properties":
				fields := map[string]any{}
				for name, field := range value.(map[string]any) {
					fields[name] = strict(field, ref)
				}
				out[key] = fields
			case key == "description" || key == "format" || key == "default" || strings.HasPrefix(key, "x-"):
			case key == "$ref":
				ref(strings.TrimPrefix(value.(string), "#/definitions/"))
				out[key] = value
			default:
				out[key] = strict(value, ref)
			}
		}
		if out["properties"] != nil && out["additionalProperties"] == nil {
			out["additionalProperties"] = false
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i, one := range s {
			out[i] = strict(one, ref)
		}
		return out
	}
	return schema
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kubeschema: "+err.Error())
	os.Exit(1)
}
