package syntax

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// Message is the name of a message.
type Message struct{ To *string }

// Read implements Value.
func (v Message) Read(r *Reader, f *Field, n *source.Node) {
	var ok bool
	if *v.To, ok = r.Word(n, f.what()); ok {
		r.Message(n, *v.To)
	}
}

// Print implements Value.
func (v Message) Print(_ *Printer, f *Field) *yaml.Node { return optional(f, *v.To) }

// Schema implements Value.
func (Message) Schema(*shape.Builder) *shape.Schema { return shape.Reference() }

// Intent is the name of an intent.
type Intent struct{ To *string }

// Read implements Value.
func (v Intent) Read(r *Reader, _ *Field, n *source.Node) { *v.To = r.Intent(n) }

// Print implements Value.
func (v Intent) Print(_ *Printer, f *Field) *yaml.Node { return optional(f, *v.To) }

// Schema implements Value.
func (Intent) Schema(*shape.Builder) *shape.Schema { return shape.Word() }

// Topic is the name of a topic of messages.
type Topic struct{ To *string }

// Read implements Value.
func (v Topic) Read(r *Reader, f *Field, n *source.Node) {
	var ok bool
	if *v.To, ok = r.Word(n, f.what()); ok {
		r.Topic(n, *v.To)
	}
}

// Print implements Value.
func (v Topic) Print(_ *Printer, f *Field) *yaml.Node { return optional(f, *v.To) }

// Schema implements Value.
func (Topic) Schema(*shape.Builder) *shape.Schema { return shape.Word() }

// Best is the value of via for the permitted channel that the customer answers most.
const Best = "best"

// Via is a channel, a list of channels, or best, which is stored as no channels.
type Via struct {
	To    *[]string
	Check func(r *Reader, n *source.Node, channel string) // reports what is wrong with one channel
}

// Read implements Value.
func (v Via) Read(r *Reader, _ *Field, n *source.Node) {
	channels, places := Channels(r.Document, n)
	*v.To = channels
	for i, channel := range channels {
		v.Check(r, places[i], channel)
	}
}

// Channels reads the channels of a Via, and returns their nodes too.
func Channels(d *source.Document, n *source.Node) ([]string, []*source.Node) {
	if n.IsText() && n.Text == Best {
		return nil, nil
	}
	names, places := d.Words(n, "via")
	if i := slices.Index(names, Best); i >= 0 {
		d.Report(places[i].Pos, "bad-value", "", "best means all channels: write via: best, without a list")
		names, places = slices.Delete(names, i, i+1), slices.Delete(places, i, i+1)
	}
	return names, places
}

// Print implements Value.
func (v Via) Print(*Printer, *Field) *yaml.Node { return Words(*v.To) }

// Schema implements Value.
func (Via) Schema(b *shape.Builder) *shape.Schema { return b.Via() }

// Target is the name of a path or a step to which the journey goes.
type Target struct {
	Name *string
	To   *int // the index of the step, or of the path's first step
}

// Read implements Value.
func (v Target) Read(r *Reader, f *Field, n *source.Node) { r.Jump(n, f.what(), v.Name, v.To) }

// Print implements Value.
func (v Target) Print(_ *Printer, f *Field) *yaml.Node { return optional(f, *v.Name) }

// Schema implements Value.
func (Target) Schema(*shape.Builder) *shape.Schema { return shape.Word() }
