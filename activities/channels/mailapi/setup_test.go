package mailapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// recorded returns a file of testdata.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// opener opens the receiver of the provider that the keys are of.
func opener(keys provider.Keys) func(*testing.T, func() time.Time) webhook.Receiver {
	return func(t *testing.T, now func() time.Time) webhook.Receiver {
		t.Helper()
		receivers, _, err := provider.Receivers(Providers(), provider.Env{Keys: keys, Now: now}, "https://tabi.example.com/")
		if err != nil || len(receivers) != 1 {
			t.Fatalf("%d receivers: %v", len(receivers), err)
		}
		for _, r := range receivers {
			return r
		}
		return nil
	}
}

// A wrong setting is an error that names it and does not show it; a missing one keeps the reports out, and is named.
func TestSettingsOfReports(t *testing.T) {
	t.Parallel()
	for _, p := range Providers() {
		for _, s := range p.Settings {
			if s.Use&provider.Reports == 0 {
				continue
			}
			keys := provider.Keys{}
			for _, other := range p.Settings {
				keys[other.Name] = "hush"
			}
			if !s.Optional {
				delete(keys, s.Name)
				receivers, all, err := provider.Receivers([]provider.Provider{p}, provider.Env{Keys: keys, Now: time.Now}, "")
				if err != nil || len(receivers) != 0 || all[0].Accepts || strings.Join(all[0].Missing, "") != s.Name {
					t.Errorf("%s without %s: %v %v %v", p.Name, s.Name, receivers, all, err)
				}
			}
		}
		keys := provider.Keys{}
		for _, s := range p.Settings {
			keys[s.Name] = "hush"
		}
		_, _, err := provider.Receivers([]provider.Provider{p}, provider.Env{Keys: keys, Now: time.Now}, "")
		if err != nil && (!strings.Contains(err.Error(), "TABI_") || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}
