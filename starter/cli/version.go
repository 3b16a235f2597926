package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func versionCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := struct {
				Version     string `json:"version"`
				Interpreter int    `json:"interpreter"`
				Go          string `json:"go"`
			}{app.Version, contract.InterpreterVersion, runtime.Version()}
			return terminal.Show(c, output, v, func(p *terminal.Printer) {
				p.Line("tabi %s (interpreter %d, %s)", v.Version, v.Interpreter, v.Go)
			})
		},
	}
	terminal.OutputFlag(c, &output)
	return c
}
