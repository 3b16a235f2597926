package designer

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/schema"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// schemaView is a kind of file as `schema --output json` lists it.
type schemaView struct {
	Kind   string `json:"kind"`
	Files  string `json:"files"`  // where such files are in a journeys folder
	Schema string `json:"schema"` // the file that --write writes
	About  string `json:"about"`
}

func schemaCommand(b app.Build) *cobra.Command {
	var dir, output string
	c := &cobra.Command{
		Use: "schema [KIND]", Short: "Print the JSON Schema of a kind of file (default: journey), or write all schemas",
		Args: cobra.MaximumNArgs(1),
		Long: "Prints a JSON Schema, with which editors complete and check the files of a journeys folder. The kinds are " +
			strings.Join(schemaNames(), ", ") + ".\n\n" +
			"A file names its schema in its first line, as the shipped journeys do:\n" +
			"  # yaml-language-server: $schema=../docs/schema/journey.schema.json\n\n" +
			"--output json lists the kinds.",
		RunE: func(c *cobra.Command, args []string) error {
			kind := "journey"
			if len(args) > 0 {
				kind = args[0]
			}
			if dir != "" {
				if len(args) > 0 {
					return app.Usage("--write writes the schemas of all kinds: leave %q out", kind)
				}
				return writeSchemas(c, b, dir)
			}
			if output == "json" && len(args) == 0 {
				return terminal.Show(c, output, schemaViews(), nil)
			}
			if output != "text" && output != "json" {
				return app.Usage("--output is %q: give text or json", output)
			}
			data, err := schema.Generate(kind, b.Specs())
			if err != nil {
				return app.Usage("%w: give one of %s", err, strings.Join(schemaNames(), ", "))
			}
			_, err = c.OutOrStdout().Write(data)
			return err
		},
	}
	c.Flags().StringVar(&dir, "write", "", "write all schemas to this folder, as <kind>.schema.json")
	terminal.OutputFlag(c, &output)
	c.ValidArgsFunction = cobra.FixedCompletions(schemaNames(), cobra.ShellCompDirectiveNoFileComp)
	return c
}

func schemaViews() []schemaView {
	var all []schemaView
	for _, k := range schema.Kinds() {
		all = append(all, schemaView{Kind: k.Name, Files: k.Files, Schema: k.File(), About: k.Doc})
	}
	return all
}

func schemaNames() []string {
	var names []string
	for _, k := range schema.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// writeSchemas writes the schemas of all kinds. It creates the folder if it is missing.
func writeSchemas(c *cobra.Command, b app.Build, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return app.Usage("cannot create the folder %s: %w", dir, err)
	}
	p := terminal.To(c.OutOrStdout())
	for _, k := range schema.Kinds() {
		data, err := schema.Generate(k.Name, b.Specs())
		if err != nil {
			return err
		}
		name := filepath.Join(dir, k.File())
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return app.Usage("cannot write %s: %w", name, err)
		}
		p.Line("%s", name)
	}
	return nil
}
