package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/gateway/reports"
)

// The settings of providers of channels are declared by the providers themselves: see provider.Setting.

// providerSettings returns the settings of the providers.
func (c *Config) providerSettings() (out []setting) {
	if c.provided == nil {
		c.provided = map[string]*Secret{}
	}
	for _, one := range channels.ProviderSettings() {
		if c.provided[one.Name] == nil {
			c.provided[one.Name] = new(Secret)
		}
		s := setting{group: HTTP | Channels, flag: providerFlag(one.Name), env: one.Name, doc: one.Doc, bind: hid(c.provided[one.Name])}
		if one.Open {
			s.bind = str((*string)(c.provided[one.Name]), "")
		}
		out = append(out, s)
	}
	return out
}

// providerFlag returns the flag of a variable: TABI_POSTMARK_WEBHOOK is --postmark-webhook.
func providerFlag(variable string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, "TABI_")), "_", "-")
}

// providerKeys returns the values of the providers' settings that are set.
func (c *Config) providerKeys() provider.Keys {
	keys := provider.Keys{}
	for name, value := range c.provided {
		if *value != "" {
			keys[name] = string(*value)
		}
	}
	return keys
}

// Provided returns the value of a provider's setting.
func (c *Config) Provided(name string) string { return c.Channels.Keys[name] }

// Provide sets a provider's setting, as the variable would.
func (c *Config) Provide(name, value string) {
	if c.provided == nil {
		c.provided = map[string]*Secret{}
	}
	c.provided[name] = new(Secret(value))
	c.Channels.Keys = c.providerKeys()
}

// receiverTimeout bounds a look-up of a receiver, such as of a certificate.
const receiverTimeout = 10 * time.Second

// Receivers opens what reads the reports of providers, by name, and returns how each provider is. Its error is about a setting.
func (c *Config) Receivers() (map[string]webhook.Receiver, []provider.Status, error) {
	client := &http.Client{
		Timeout:       receiverTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	env := provider.Env{Keys: c.providerKeys(), Now: clock.Wall, Client: client}
	receivers, all, err := provider.Receivers(channels.Providers(), env, c.PublicURL)
	if err != nil {
		return nil, all, Usage("%w", err)
	}
	return receivers, all, nil
}

// lineLinker returns what asks LINE for an address to link an account; nil: what LINE reports is not accepted, or nothing is sent by it.
func (c *Config) lineLinker() reports.LineLinker {
	if c.Provided(chatapi.LineToken) == "" || c.Provided(chatapi.LineSecret) == "" {
		return nil
	}
	client := &http.Client{Timeout: receiverTimeout}
	return func(ctx context.Context, lineID, nonce string) (string, error) {
		return chatapi.LineLink(ctx, client, c.Channels.Keys, lineID, nonce)
	}
}

// logReceivers logs whose reports are accepted, and which variable is missing for those of a provider that is set up in part.
func (s *Services) logReceivers() {
	_, all, err := s.Config.Receivers()
	if err != nil {
		return // the gateway does not start with it
	}
	var accepts []string
	for _, one := range all {
		switch name := one.Provider.Name; {
		case one.Accepts:
			accepts = append(accepts, name)
		case one.Begun:
			s.Log.Warn("the reports of a provider are not accepted: a setting is missing",
				zap.String("provider", name), zap.Strings("missing", one.Missing))
		}
	}
	s.Log.Info("reports of providers are accepted at /v1/providers/<name>", zap.Strings("providers", append([]string{}, accepts...)))
}
