package channels

import (
	"errors"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/dkim"
)

// DKIM returns what signs mails over SMTP; nil: the configuration has no key. Its error names the setting.
func DKIM(cfg Config) (*dkim.Signer, error) {
	if cfg.DKIMKey == "" {
		if cfg.DKIMSelector != "" || cfg.DKIMDomain != "" {
			return nil, variable("TABI_DKIM_KEY", "is missing, although TABI_DKIM_SELECTOR or TABI_DKIM_DOMAIN is set")
		}
		return nil, nil
	}
	if cfg.DKIMSelector == "" {
		return nil, variable("TABI_DKIM_SELECTOR", "must be set with TABI_DKIM_KEY: the name of the key in DNS")
	}
	domain := cfg.DKIMDomain
	if domain == "" {
		from, err := parseFrom(cfg.MailFrom)
		if err != nil {
			return nil, variable("TABI_DKIM_DOMAIN", "%w", errors.New("there is neither it nor a domain in TABI_MAIL_FROM"))
		}
		_, domain, _ = strings.Cut(from.Address, "@")
	}
	s, err := dkim.New(cfg.DKIMKey, cfg.DKIMSelector, domain)
	if err != nil {
		return nil, variable("TABI_DKIM_KEY", "%w", err)
	}
	return s, nil
}

// Aligned reports whether the domain that signs is that of the sender, or above it: other signatures do not count for DMARC.
func Aligned(cfg Config, domain string) bool {
	from, err := parseFrom(cfg.MailFrom)
	if err != nil {
		return false
	}
	_, host, _ := strings.Cut(from.Address, "@")
	return host == domain || strings.HasSuffix(host, "."+domain)
}
