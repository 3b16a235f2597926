package syntax_test

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// reminder is a mapping with three keys.
type reminder struct {
	Text  string
	Every time.Duration
	Days  []string
}

// Fields implements syntax.Part.
func (r *reminder) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "text", Need: "a reminder says something", Value: syntax.Word{To: &r.Text}},
		{Key: "every", Value: syntax.Duration{To: &r.Every, Default: time.Hour, Refuse: syntax.NotZero("a reminder takes a break")}},
		{Key: "days", Value: syntax.Days{To: &r.Days}},
	}
}

// One table of fields reads a mapping with diagnostics, prints it, and describes it in a JSON Schema.
func Example() {
	read := func(text string) *reminder {
		file := source.NewDocument("reminder.yaml", []byte(text), source.ExprKeys{}, false)
		file.Read()
		r := &reminder{}
		(&syntax.Reader{Document: file, Step: &syntax.Step{}}).Part(file.Root, "a reminder", r)
		for _, d := range file.Diagnostics.Sorted() {
			fmt.Println(d.String())
		}
		return r
	}
	read("txet: hello\nevery: 0s\n")

	r := read("days: [fri, mon]\ntext: hello\n")
	fmt.Println("every", r.Every)
	printed, err := yaml.Marshal((&syntax.Printer{}).Part(r))
	fmt.Printf("%serror: %v\n", printed, err)

	schema := syntax.Schema(shape.NewBuilder(nil), r)
	fmt.Println(len(schema.Properties), schema.Required)
	// Output:
	// reminder.yaml:1:1: missing-key: "text" is missing: a reminder says something
	// reminder.yaml:1:1: unknown-key: the key "txet" is not known here
	// reminder.yaml:2:8: bad-value: a reminder takes a break
	// every 1h0m0s
	// text: hello
	// days: [mon, fri]
	// error: <nil>
	// 3 [text]
}
