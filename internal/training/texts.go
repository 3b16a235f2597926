package training

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/decisioning/text"
)

// maxCSV bounds the size of a CSV file, in bytes.
const maxCSV = 256 << 20

// readTexts reads a CSV of texts and their intents: columns text and intent, in any order, by the names in the
// first line; where that has no such names, the first column is the text and the second the intent. An empty
// intent is out of scope.
func readTexts(file string) ([]text.Example, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, app.Usage("cannot read %s: %w", file, errors.Unwrap(err))
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxCSV+1))
	if err != nil {
		return nil, app.Usage("cannot read %s: %w", file, err)
	}
	if len(data) > maxCSV {
		return nil, app.Usage("%s is larger than %d MiB: split it", file, maxCSV>>20)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	said, meant := 0, 1
	var out []text.Example
	for first := true; ; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, app.Usage("%s: %w", file, err)
		}
		if first {
			names := make([]string, len(record))
			for i, name := range record {
				names[i] = strings.ToLower(strings.TrimSpace(name))
			}
			t, i := slices.Index(
				names,
				"text",
			), slices.IndexFunc(
				names,
				func(n string) bool { return n == "intent" || n == "label" || n == "category" },
			)
			if t >= 0 && i >= 0 {
				said, meant = t, i
				continue
			}
		}
		if len(record) <= max(said, meant) {
			line, _ := r.FieldPos(0)
			return nil, app.Usage("%s:%d: a line needs a text and an intent: text,intent (an empty intent is out of scope)", file, line)
		}
		out = append(out, text.Example{Text: record[said], Intent: strings.TrimSpace(record[meant])})
	}
	if len(out) == 0 {
		return nil, app.Usage("%s has no texts: give lines of text,intent", file)
	}
	return out, nil
}

// readExamples reads the examples of the intents of a journeys folder.
func readExamples(b app.Build, w io.Writer, dir string) ([]text.Example, error) {
	files, err := app.ReadFolder(dir)
	if err != nil {
		return nil, err
	}
	content, found := b.Check(files)
	if found.Failed(false) {
		if err := found.Text(w); err != nil {
			return nil, err
		}
		return nil, &app.ExitError{Code: app.ExitBad, Err: errors.New("not trained: fix the errors first")}
	}
	var out []text.Example
	for name, i := range content.Intents {
		for _, e := range i.Examples {
			out = append(out, text.Example{Text: e, Intent: name})
		}
	}
	if len(out) == 0 {
		return nil, app.Usage("no intent in %s has examples: give some, `examples: [\"what people write\"]`", dir)
	}
	return out, nil
}
