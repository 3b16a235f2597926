// Package tabi builds the two commands of tabi with channels of your own.
//
// A program that adds a channel has two main functions, one for tabi and one for tabi-worker, with the same options:
//
//	package main
//
//	import (
//		"example.com/shop/pigeon"
//		"github.com/tabi-journeys/tabi"
//	)
//
//	func main() { tabi.Main(tabi.WithChannel(pigeon.Spec, pigeon.Open)) }
//
// The other calls WorkerMain. Every command of such a build knows the channel: lint, schema, test, dev, publish and the
// sends of the worker. Package channel has the contract, and channeltest checks it.
package tabi

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/app"
	starter "github.com/tabi-journeys/tabi/starter/cli"
	worker "github.com/tabi-journeys/tabi/worker/cli"
)

// Option changes what the commands are built with.
type Option func(*app.Build)

// WithChannel adds a channel. A send without `via` tries it after the channels that tabi ships, in the order of the
// options. A channel with the name of a shipped one replaces it.
//
// open is called by processes that send: once, at their start. It reads its own configuration, from the environment
// say, and returns a *channel.NotConfiguredError where that is missing; connections are better made by the first send.
// An error ends the process.
func WithChannel(spec channel.Spec, open func() (channel.Channel, error)) Option {
	return func(b *app.Build) {
		added := channels.Entry{Spec: spec, Open: func(channels.Config) (channel.Channel, error) { return open() }}
		for i, e := range b.Channels {
			if e.Spec.Name == spec.Name {
				b.Channels[i] = added
				return
			}
		}
		b.Channels = append(b.Channels, added)
	}
}

// build applies options. An option that cannot work is a mistake of the program, not of the person who runs it.
func build(options []Option) app.Build {
	b := app.Build{Channels: channels.Shipped()}
	for _, o := range options {
		o(&b)
	}
	for _, e := range b.Channels {
		if err := e.Spec.Validate(); err != nil {
			panic(fmt.Sprintf("tabi: channel %q: %v", e.Spec.Name, err))
		}
	}
	return b
}

// Run runs one command of tabi, as `tabi args…` does, and returns its exit status. Running commands stop when ctx ends.
func Run(ctx context.Context, args []string, out, errs io.Writer, options ...Option) int {
	return starter.Run(ctx, build(options), args, out, errs)
}

// Main is the main function of tabi. It runs the command of os.Args and ends the process.
func Main(options ...Option) { os.Exit(starter.Main(build(options))) }

// WorkerMain is the main function of tabi-worker. It ends the process.
func WorkerMain(options ...Option) { os.Exit(worker.Main(build(options))) }
