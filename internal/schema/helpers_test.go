package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// compiled returns the schemas of all kinds of file, validated against the draft's own schema.
var compiled = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	out := map[string]*jsonschema.Schema{}
	for _, k := range Kinds() {
		data, err := Generate(k.Name, channels.Shipped().Specs())
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(k.File(), doc); err != nil {
			return nil, err
		}
		if out[k.Name], err = c.Compile(k.File()); err != nil {
			return nil, err
		}
	}
	return out, nil
})

// refused returns why the schema of a kind refuses a document, or nil.
func refused(t *testing.T, kind string, document any) error {
	t.Helper()
	all, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return all[kind].Validate(document)
}

// kindOf returns the kind of a file, by its place.
func kindOf(name string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(name), ".yaml"), ".yml")
	switch dir := filepath.Base(filepath.Dir(name)); {
	case dir == "messages" && base == "_defaults":
		return "defaults"
	case dir == "messages":
		return "message"
	case dir == "actions":
		return "actions"
	case base == "intents" || base == "policy" || base == "topics":
		return base
	case strings.HasSuffix(base, ".test"):
		return "test"
	}
	return "journey"
}

// value returns a YAML value as an editor passes it to the schema: as JSON. An unquoted date is a string. ok is false
// for a tag.
func value(n *yaml.Node) (v any, ok bool) {
	ok = n.Style&yaml.TaggedStyle == 0
	switch n.Kind {
	case yaml.DocumentNode:
		return value(n.Content[0])
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			one, fine := value(n.Content[i+1])
			m[n.Content[i].Value], ok = one, ok && fine && n.Content[i].Kind == yaml.ScalarNode
		}
		return m, ok
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			one, fine := value(item)
			list, ok = append(list, one), ok && fine
		}
		return list, ok
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!null":
			return nil, ok
		case "!!bool":
			return strings.EqualFold(n.Value, "true"), ok
		case "!!int":
			if i, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64); err == nil {
				return json.Number(strconv.FormatInt(i, 10)), ok
			}
		case "!!float":
			if f, err := strconv.ParseFloat(n.Value, 64); err == nil && f-f == 0 {
				return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), ok
			}
			return nil, false
		}
		return n.Value, ok
	}
	return nil, false
}

// parse parses a YAML document. ok is false if it is invalid, or if it repeats a key.
func parse(data []byte) (root *yaml.Node, document any, ok bool) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	root = &yaml.Node{}
	if d.Decode(root) != nil || len(root.Content) == 0 || d.Decode(&yaml.Node{}) == nil {
		return nil, nil, false
	}
	document, ok = value(root)
	return root, document, ok
}

// structural are the codes of diagnostics that a schema can detect.
var structural = []string{"unknown-key", "missing-key", "wrong-type", "bad-duration", "unknown-step-kind"}

// verdict returns lint's result for one file of a folder: whether it has a structural error, whether it has any error,
// and the messages.
func verdict(files []lint.File, name string) (shape, failed bool, words string) {
	_, _, diagnostics := scenario.Check(files, lint.Options{Channels: channels.Shipped().Specs()})
	var all strings.Builder
	for _, d := range diagnostics {
		if d.File == name && d.Severity == source.Error {
			across := strings.Contains(d.Message, "a journey decides and sends") ||
				strings.Contains(d.Message, "unless every decide that can choose it") // a requirement that depends on other files
			failed, shape = true, shape || slices.Contains(structural, d.Code) && !across
			all.WriteString(d.String() + "\n")
		}
	}
	return shape, failed, all.String()
}

// folder returns the YAML files of a folder, with its messages and actions.
func folder(t *testing.T, root string) []lint.File {
	t.Helper()
	var files []lint.File
	for _, pattern := range []string{"*.yaml", "messages/*.yaml", "messages/_*/*", "actions/*.yaml"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, lint.File{Name: filepath.ToSlash(rel), Data: data})
		}
	}
	if len(files) == 0 {
		t.Fatalf("no file in %s", root)
	}
	return files
}
