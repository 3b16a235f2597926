package journey

import (
	"encoding/json"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzDefinition takes bytes for the JSON of a definition, as a channel could put them into a workflow's input:
// what is taken must be safe to run.
func FuzzDefinition(f *testing.F) {
	for _, path := range []string{"testdata/cart.txtar", "testdata/emit-call.txtar", "testdata/reroute.txtar", "testdata/entries.txtar", "testdata/clock-wait.txtar"} {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if json.Valid(file.Data) {
				f.Add(file.Data)
			}
		}
	}
	f.Add([]byte(`{"journey":"a","paths":[{"name":"main","start":0}],"steps":[{"id":"x","kind":"call","next":-1,"spec":null}]}`))
	f.Add(
		[]byte(
			`{"journey":"a","paths":[{"name":"main","start":0}],"steps":[{"id":"x","kind":"wait","next":0,"spec":{"at":"9:0","days":["x"]}}]}`,
		),
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &Definition{}
		if err := json.Unmarshal(data, d); err != nil {
			return
		}
		p, err := NewProgram(d)
		if err != nil {
			return
		}
		for i := range p.Steps {
			s := &p.Steps[i]
			for _, to := range Successors(s) {
				if to < End || to >= len(p.Steps) {
					t.Fatalf("step %q leads to %d of %d", s.ID, to, len(p.Steps))
				}
			}
			_ = p.Test(s.When, testVars())
			switch spec := s.Spec.(type) {
			case *Wait:
				if _, ok := spec.At.Next(testNow, testNow.Location(), spec.Days); spec.At != "" && !ok {
					t.Fatalf("%q on %v never comes", spec.At, spec.Days)
				}
			case *Call:
				if spec.Timeout <= 0 || spec.Timeout > MaxCallTimeout || spec.Method == "" {
					t.Fatalf("a call is taken that cannot be made: %+v", spec)
				}
			}
		}
		for _, rule := range p.Reroute {
			if _, ok := p.Start(rule.GoTo); !ok {
				t.Fatalf("a reroute leads to %q", rule.GoTo)
			}
		}
		_, _ = d.YAML()
	})
}
