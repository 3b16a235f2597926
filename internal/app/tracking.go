package app

import (
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/activities"
)

// noUTM is the value of --utm that adds nothing to links.
const noUTM = "off"

// trackingSettings are those of tracked links.
func (c *Config) trackingSettings() []setting {
	return []setting{
		{
			Channels, "track-url", "TABI_TRACK_URL",
			"URL before tracked links and pixels, as https://click.example.com: a host of yours that leads to the gateway; empty: the " +
				"public URL",
			str(&c.TrackURL, ""),
		},
		{
			Channels, "utm", "TABI_UTM",
			"utm_source that tracked links get, with utm_medium, utm_campaign and utm_content; off: links get none",
			str(&c.UTM, "tabi"),
		},
		{
			Channels, "utm-domains", "TABI_UTM_DOMAINS",
			"hosts, each with its subdomains, whose links get UTM parameters, separated by commas, as shop.example.com; empty: all",
			func(fs *pflag.FlagSet, n, u string) { fs.StringSliceVar(&c.UTMDomains, n, nil, u) },
		},
	}
}

// checkTracking checks the settings of tracked links.
func (c *Config) checkTracking() error {
	if c.TrackURL != "" {
		u, err := url.Parse(c.TrackURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery+u.Fragment != "" || u.User != nil {
			return Usage("--track-url (TABI_TRACK_URL) must be an address such as https://click.example.com")
		}
	}
	for i, domain := range c.UTMDomains {
		c.UTMDomains[i] = strings.ToLower(strings.TrimSpace(domain))
		if domain = c.UTMDomains[i]; domain == "" || strings.ContainsAny(domain, "/:@?#* ") {
			return Usage("--utm-domains (TABI_UTM_DOMAINS): %q is no host: write shop.example.com, which includes its subdomains", domain)
		}
	}
	return nil
}

// tracking returns the settings of tracked links.
func (c *Config) tracking() *activities.Tracking {
	t := &activities.Tracking{UTM: strings.TrimSpace(c.UTM), UTMDomains: c.UTMDomains}
	if strings.EqualFold(t.UTM, noUTM) {
		t.UTM = ""
	}
	return t
}
