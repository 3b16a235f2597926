// Package channels holds the channels that ship with tabi, one file each. A channel implements the public interface
// channel.Channel and passes channeltest.Exercise. Shipped is the registry of them; a build with
// channels of its own adds to it and passes the result down.
package channels

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tabi-journeys/tabi/channel"
)

// Registry lists the channels of a build. Its order is the order in which a send without `via` tries them.
type Registry []Entry

// Entry is a channel of a build: its spec, and the function that opens it.
type Entry struct {
	Spec channel.Spec
	// Open returns a *channel.NotConfiguredError where the configuration has nothing for the channel.
	Open func(Config) (channel.Channel, error)
}

// Shipped returns the channels that tabi ships, one line each.
func Shipped() Registry {
	return Registry{
		{emailSpec, openEmail},
		{pushSpec, openPush},
		{smsSpec, openSMS},
		{appSpec, openApp},
		{webhookSpec, openWebhook},
		{lineSpec, openLine},
		{whatsappSpec, openWhatsApp},
		{webPushSpec, openWebPush},
		{logSpec, openLog},
	}
}

// Specs returns the specs of the channels, in the registry's order. It does no I/O and needs no configuration.
func (r Registry) Specs() []channel.Spec {
	specs := make([]channel.Spec, len(r))
	for i, e := range r {
		specs[i] = e.Spec
		specs[i].Fields = slices.Clone(e.Spec.Fields)
	}
	return specs
}

// Spec returns the spec of a channel by name; a spec with the name alone where there is none.
func (r Registry) Spec(name string) channel.Spec {
	for _, e := range r {
		if e.Spec.Name == name {
			return e.Spec
		}
	}
	return channel.Spec{Name: name}
}

// Open opens every channel, by name. A channel without configuration is opened too, and refuses every message with the
// reason NOT_CONFIGURED and the setting. Every wrong setting is an error that names it; all of them are reported at
// once. Connections are made by the first send.
func (r Registry) Open(cfg Config) (map[string]channel.Channel, error) {
	cfg = cfg.withDefaults()
	opened := make(map[string]channel.Channel, len(r))
	var errs []error
	for _, e := range r {
		c, err := e.Open(cfg)
		var missing *channel.NotConfiguredError
		switch {
		case errors.As(err, &missing):
			c = unconfigured{spec: e.Spec, setting: missing.Setting}
		case err != nil:
			errs = append(errs, fmt.Errorf("channel %s: %w", e.Spec.Name, err))
			continue
		}
		opened[e.Spec.Name] = c
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, r.Close(opened))...)
	}
	return opened, nil
}

// Configured returns the names of the channels that a configuration has settings for.
func (r Registry) Configured(cfg Config) ([]string, error) {
	opened, err := r.Open(cfg)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range r {
		if _, missing := opened[e.Spec.Name].(unconfigured); !missing {
			names = append(names, e.Spec.Name)
		}
	}
	return names, r.Close(opened)
}

// Close closes the channels that Open returned.
func (r Registry) Close(opened map[string]channel.Channel) error {
	var errs []error
	for _, e := range r {
		if c := opened[e.Spec.Name]; c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
