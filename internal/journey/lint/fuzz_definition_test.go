package lint_test

import (
	"encoding/json"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/format"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
)

// FuzzDefinition reads bytes as the JSON of a definition, as a workflow's input may hold them. A definition that is
// accepted must be safe to run.
func FuzzDefinition(f *testing.F) {
	for _, path := range []string{"testdata/cart.txtar", "testdata/emit-call.txtar", "testdata/reroute.txtar", "testdata/entries.txtar",
		"testdata/clock-wait.txtar"} {
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
			`{"journey":"a","paths":[{"name":"main","start":0}],` +
				`"steps":[{"id":"x","kind":"wait","next":0,"spec":{"at":"9:0","days":["x"]}}]}`,
		),
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &journey.Definition{}
		if err := json.Unmarshal(data, d); err != nil {
			return
		}
		p, err := journey.NewProgram(d)
		if err != nil {
			return
		}
		for i := range p.Steps {
			s := &p.Steps[i]
			for _, to := range journey.Successors(s) {
				if to < journey.End || to >= len(p.Steps) {
					t.Fatalf("step %q leads to %d of %d", s.ID, to, len(p.Steps))
				}
			}
			_ = p.Test(s.When, journeytest.Vars())
			switch spec := s.Spec.(type) {
			case *journey.Wait:
				if _, ok := spec.At.Next(journeytest.Now, journeytest.Now.Location(), spec.Days); spec.At != "" && !ok {
					t.Fatalf("%q on %v never comes", spec.At, spec.Days)
				}
			case *journey.Call:
				if spec.Timeout <= 0 || spec.Timeout > journey.MaxCallTimeout || spec.Method == "" {
					t.Fatalf("a call is taken that cannot be made: %+v", spec)
				}
			}
		}
		for _, rule := range p.Reroute {
			if _, ok := p.Start(rule.GoTo); !ok {
				t.Fatalf("a reroute leads to %q", rule.GoTo)
			}
		}
		_, _ = format.YAML(d)
	})
}
