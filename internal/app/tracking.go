package app

import (
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/activities"
)

// noUTM is the value of --utm that adds nothing to links.
const noUTM = "off"

// checkTracking checks the settings of tracked links.
func (c *Config) checkTracking() error {
	if c.TrackURL != "" {
		u, err := url.Parse(c.TrackURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
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
