package operator

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
)

func customerExportCommand() *cobra.Command {
	var (
		r    remote.Client
		page bool
	)
	c := &cobra.Command{
		Use: "export ID", Short: "Copy all that is known of a customer",
		Long: "Copies all that is known of a customer, with the ids that were merged into it, to standard output: one JSON document, or " +
			"with --html a page for the customer. Large copies are written page by page. It holds personal data: keep it in no " +
			"place where others read it. Nothing of other customers and no secret is in it.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			w := exportWriter(&jsonExport{w: c.OutOrStdout()})
			if page {
				w = &htmlExport{w: c.OutOrStdout()}
			}
			return export(c, &r, args[0], w)
		},
	}
	c.Flags().BoolVar(&page, "html", false, "a page for the customer instead of JSON")
	r.Register(c, false, true)
	return c
}

// exportWriter writes a copy. begin comes first, list before the rows of each list, and end last.
type exportWriter interface {
	begin(page api.ExportPage) error
	list(name, title string) error
	row(row map[string]any) error
	end() error
}

// export reads the pages and writes them.
func export(c *cobra.Command, r *remote.Client, id string, w exportWriter) error {
	list := ""
	for in := (api.ExportInput{ID: id}); ; {
		page, err := api.ExportCustomer.Call(c.Context(), r, in)
		if err != nil {
			return err
		}
		if list == "" {
			if err := w.begin(page); err != nil {
				return err
			}
		}
		if page.List != list {
			list = page.List
			if err := w.list(page.List, page.Title); err != nil {
				return err
			}
		}
		for _, row := range page.Rows {
			if err := w.row(row); err != nil {
				return err
			}
		}
		if in.After = page.Next; in.After == "" {
			return w.end()
		}
	}
}

// jsonExport writes one document.
type jsonExport struct {
	w     io.Writer
	lists int
	rows  int
}

func (j *jsonExport) begin(page api.ExportPage) error {
	name, err := json.Marshal(page.Customer)
	if err == nil {
		_, err = fmt.Fprintf(j.w, "{\n  \"customer\": %s,\n  \"exported_at\": %q", name,
			clock.Wall().UTC().Format("2006-01-02T15:04:05Z"))
	}
	if err != nil || len(page.CompleteSince) == 0 {
		return err
	}
	begins, err := json.Marshal(page.CompleteSince)
	if err == nil {
		_, err = fmt.Fprintf(j.w, ",\n  \"complete_since\": %s", begins)
	}
	return err
}

func (j *jsonExport) list(name, _ string) error {
	closing := ""
	if j.lists > 0 {
		closing = "\n  ]"
	}
	j.lists, j.rows = j.lists+1, 0
	_, err := fmt.Fprintf(j.w, "%s,\n  %q: [", closing, name)
	return err
}

func (j *jsonExport) row(row map[string]any) error {
	comma := ","
	if j.rows == 0 {
		comma = ""
	}
	j.rows++
	text, err := json.Marshal(row)
	if err == nil {
		_, err = fmt.Fprintf(j.w, "%s\n    %s", comma, text)
	}
	return err
}

func (j *jsonExport) end() error {
	_, err := fmt.Fprint(j.w, "\n  ]\n}\n")
	return err
}
