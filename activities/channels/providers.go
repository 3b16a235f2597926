package channels

import (
	"slices"

	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/activities/channels/mailapi"
	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/activities/channels/smsapi"
)

// Providers returns the providers of all channels, one line for each package that has some.
func Providers() []provider.Provider {
	return slices.Concat(
		mailapi.Providers(),
		smsapi.Providers(),
		pushProviders(),
		chatapi.Providers(),
	)
}

// ProviderSettings returns the settings of all providers, each once, in the providers' order.
func ProviderSettings() (out []provider.Setting) {
	for _, p := range Providers() {
		for _, s := range p.Settings {
			same := func(o provider.Setting) bool { return o.Name == s.Name }
			if !slices.ContainsFunc(out, same) {
				out = append(out, s)
			}
		}
	}
	return out
}
