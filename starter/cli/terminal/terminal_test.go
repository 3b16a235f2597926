package terminal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// named is a type of its own, as many of the API are.
type named string

// What customers wrote cannot move the cursor, set the title or turn the text, whichever way it is printed; JSON is the same value.
func TestNothingControlsTheTerminal(t *testing.T) {
	t.Parallel()
	const evil = "a\x1b]0;x\x07b\u009b2Jc\u202ed\u2066e\r\nf\x7f"
	for _, output := range []string{"text", "json"} {
		var out bytes.Buffer
		c := &cobra.Command{}
		c.SetOut(&out)
		err := terminal.Show(c, output, map[string]string{"name": evil}, func(p *terminal.Printer) {
			p.Line("%s %v", evil, errors.New(evil))
			p.Line("%v %s %v", []string{evil}, named(evil), map[string]any{evil: struct{ Name string }{evil}})
			progress := terminal.NewProgress(&out)
			progress.Say(evil)
			progress.Draw(1, evil)
			p.Fact("name", evil)
			p.Table(table.Row{"NAME"}, []table.Row{{evil}})
			_, _ = p.Write([]byte(evil))
		})
		if err != nil {
			t.Fatal(err)
		}
		if said := out.String(); strings.ContainsAny(said, "\x1b\x07\u009b\u202e\u2066\r\x7f") || !strings.Contains(said, `\u001b`) {
			t.Errorf("%s: %q", output, said)
		}
		if output == "json" {
			var got map[string]string
			if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["name"] != evil {
				t.Errorf("%q, %v", got, err)
			}
		}
	}
}
