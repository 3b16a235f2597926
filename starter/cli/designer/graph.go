package designer

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/graph"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func graphCommand(b app.Build) *cobra.Command {
	var format, dir, out string
	c := &cobra.Command{
		Use: "graph JOURNEY", Short: "Draw a journey, as Mermaid or SVG",
		Long: "Draws a journey, by the name of the journey or the path of its file: every step with what it waits for, sends or decides, " +
			"every arm, and the rules that apply at every step. Mermaid can be pasted into Markdown. The SVG is self-contained and " +
			"fits light and dark pages.\n\n" +
			"Exit status: 0 success, 1 the journey has errors, 2 there is no such journey, or wrong usage.",
		Example: "  tabi graph cart-recovery\n  tabi graph journeys/cart-recovery.yaml -o svg --file cart-recovery.svg",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := terminal.CheckOutput(format, graphFormats...); err != nil {
				return err
			}
			d, err := journeyToDraw(c, b, args[0], dir, c.Flags().Changed("dir"))
			if err != nil {
				return err
			}
			g := graph.New(d)
			data := []byte(g.Mermaid())
			if format == "svg" {
				data = g.SVG(graph.Options{})
			}
			if out == "" || out == "-" {
				_, err = c.OutOrStdout().Write(data)
				return err
			}
			if err := os.WriteFile(out, data, 0o644); err != nil {
				return app.Usage("cannot write %s: %w", out, err)
			}
			return nil
		},
	}
	terminal.OutputFlag(c, &format, graphFormats...)
	c.ValidArgsFunction = remote.JourneyFiles(b)
	c.Flags().StringVar(&dir, "dir", "journeys", "the journeys folder")
	c.Flags().StringVar(&out, "file", "", "file to write; default: standard output")
	return c
}

var graphFormats = []string{"mermaid", "svg"}

// journeyToDraw finds a journey by its name in dir, or by the path of its file. Errors of its file are printed.
func journeyToDraw(c *cobra.Command, b app.Build, name, dir string, chosen bool) (*journey.Definition, error) {
	if ext := filepath.Ext(name); ext == ".yaml" || ext == ".yml" {
		if chosen {
			return nil, app.Usage("%s is a file: leave out --dir, or give the journey's name", name)
		}
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			return nil, app.Usage("cannot read %s: no such file, or no permission", name)
		}
		dir = app.FolderOf(name)
		name = strings.TrimSuffix(filepath.Base(name), ext)
	}
	files, err := app.ReadFolder(dir)
	if err != nil {
		return nil, err
	}
	content, found := b.Check(files)
	var own source.Diagnostics // of the journey's file
	known := false
	for _, f := range files {
		base := filepath.Base(f.Name)
		known = known ||
			strings.TrimSuffix(base, filepath.Ext(base)) == name && filepath.Dir(f.Name) == filepath.ToSlash(filepath.Clean(dir))
	}
	for _, d := range found {
		base := filepath.Base(d.File)
		if d.Severity == source.Error && strings.TrimSuffix(base, filepath.Ext(base)) == name &&
			filepath.Dir(d.File) == filepath.ToSlash(filepath.Clean(dir)) {
			own = append(own, d)
		}
	}
	switch d := content.Journeys[name]; {
	case len(own) > 0:
		if err := own.Text(c.ErrOrStderr()); err != nil {
			return nil, err
		}
		return nil, app.Quiet(app.ExitBad)
	case d != nil:
		return d, nil
	case known && found.Failed(false):
		if err := found.Text(c.ErrOrStderr()); err != nil {
			return nil, err
		}
		return nil, app.Quiet(app.ExitBad)
	}
	return nil, app.Usage("there is no journey %q in %s%s", name, dir, among(name, slices.Sorted(maps.Keys(content.Journeys))))
}

// among returns the end of a message about an unknown name: the known name that was probably meant, or a list of them.
func among(name string, known []string) string {
	if len(known) == 0 {
		return ", which has no journeys"
	}
	if near := human.Suggest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) > 12 {
		return fmt.Sprintf("; there are %s … (%d)", strings.Join(known[:12], ", "), len(known))
	}
	return "; there are " + strings.Join(known, ", ")
}
