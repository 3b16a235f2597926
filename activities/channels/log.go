package channels

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/tabi-journeys/tabi/channel"
)

var logSpec = channel.Spec{
	Name: "log", Doc: "Prints the treatment of any other channel, for trying things out.", Any: true,
}

// printer prints messages, text included. It is for development.
type printer struct {
	spec channel.Spec
	mu   sync.Mutex
	out  io.Writer
}

func openLog(cfg Config) (channel.Channel, error) {
	return &printer{spec: logSpec, out: cfg.Log}, nil
}

func (p *printer) Spec() channel.Spec { return p.spec }
func (p *printer) Dedupes() bool      { return false }
func (p *printer) Close() error       { return nil }

// Send prints one block in one write: a line with message, journey, step and key, then a line per field.
func (p *printer) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, p.spec, m); bad {
		return r
	}
	names := make([]string, 0, len(m.Fields))
	for name := range m.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  (journey %s, step %s, key %s)\n", oneLine(m.Message), oneLine(m.Journey), oneLine(m.Step), oneLine(m.Key))
	for _, name := range names {
		fmt.Fprintf(&b, "  %s: %s\n", name, strings.ReplaceAll(strings.TrimRight(printable(m.Fields[name]), "\n"), "\n", "\n    "))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := p.out.Write(b.Bytes())
	switch {
	case err == nil:
		return channel.Receipt{Outcome: channel.Sent}
	case n == 0:
		return channel.Receipt{Outcome: channel.NotSent, Reason: "the output of channel log cannot be written to: " + err.Error()}
	default:
		return channel.Receipt{Outcome: channel.Unknown, Reason: "the output of channel log broke off: " + err.Error()}
	}
}
