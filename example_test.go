package tabi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tabi-journeys/tabi"
	"github.com/tabi-journeys/tabi/channel"
)

// A channel that prints what it sends.
type parrot struct{}

var parrotSpec = channel.Spec{
	Name:   "parrot",
	Doc:    "Said aloud in the shop.",
	Fields: []channel.Field{{Name: "text", Required: true}},
}

func (parrot) Spec() channel.Spec { return parrotSpec }
func (parrot) Dedupes() bool      { return false }
func (parrot) Close() error       { return nil }

func (parrot) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, parrotSpec, m); bad {
		return r
	}
	if _, err := os.Stdout.WriteString(m.Fields["text"] + "\n"); err != nil {
		return channel.Receipt{Outcome: channel.Unknown, Reason: "the parrot was interrupted"}
	}
	return channel.Receipt{Outcome: channel.Sent}
}

// A build of tabi whose journeys may say `via: [parrot]`: lint knows the channel and its fields.
func ExampleWithChannel() {
	dir, err := os.MkdirTemp("", "journeys-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, text := range map[string]string{
		"greeting.yaml": "journey: greeting\nentry: {event: Came In}\ngoal: {event: Bought}\nsteps:\n  - send: hello\n    via: " +
			"[parrot]\n",
		"messages/hello.yaml": "message: hello\nparrot: {text: Hello!}\n",
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			panic(err)
		}
	}
	open := func() (channel.Channel, error) { return parrot{}, nil }
	status := tabi.Run(context.Background(), []string{"lint", dir}, os.Stdout, os.Stderr, tabi.WithChannel(parrotSpec, open))
	fmt.Println("exit status", status)
	// Output:
	// 2 files, 0 errors, 0 warnings
	// exit status 0
}
