package channels

import (
	"errors"
	"fmt"

	"github.com/tabi-journeys/tabi/channel"
)

// kind is a channel of this build: its spec, and how it is opened.
type kind struct {
	spec channel.Spec
	// open returns a notConfiguredError, which names the variable to set, if the configuration leaves the channel out.
	open func(channel.Spec, Config) (channel.Channel, error)
}

// registry lists the channels, one line each. Their order is the order in which a send without `via` tries them.
var registry = []kind{
	{emailSpec, openEmail},
	{pushSpec, openPush},
	{smsSpec, openSMS},
	{appSpec, openApp},
	{webhookSpec, openWebhook},
	{logSpec, openLog},
}

// Specs returns the channels of this build, in the registry's order. It does no I/O and needs no configuration.
func Specs() []channel.Spec {
	specs := make([]channel.Spec, len(registry))
	for i, k := range registry {
		specs[i] = k.spec
		specs[i].Fields = append([]channel.Field(nil), k.spec.Fields...)
	}
	return specs
}

// Named returns the spec of a channel of this build; a spec with the name alone where there is none.
func Named(name string) channel.Spec {
	for _, s := range Specs() {
		if s.Name == name {
			return s
		}
	}
	return channel.Spec{Name: name}
}

// Open opens every channel, by name. A channel that the configuration leaves out is in the map too; it refuses every
// message with the reason NOT_CONFIGURED and the variable to set. All wrong settings are reported at once, each by
// its variable. Connections are made by the first send.
func Open(cfg Config) (map[string]channel.Channel, error) {
	cfg = cfg.withDefaults()
	channels := make(map[string]channel.Channel, len(registry))
	var errs []error
	for _, k := range registry {
		c, err := k.open(k.spec, cfg)
		var missing *notConfiguredError
		switch {
		case errors.As(err, &missing):
			c = unconfigured{spec: k.spec, variable: missing.variable}
		case err != nil:
			errs = append(errs, fmt.Errorf("channel %s: %w", k.spec.Name, err))
			continue
		}
		channels[k.spec.Name] = c
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, Close(channels))...)
	}
	return channels, nil
}

// Close closes the channels that Open returned.
func Close(channels map[string]channel.Channel) error {
	var errs []error
	for _, k := range registry {
		if c := channels[k.spec.Name]; c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
