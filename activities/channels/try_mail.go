package channels

import (
	"context"

	"github.com/tabi-journeys/tabi/activities/channels/mailapi"
)

// MailAPI returns the provider by whose API a configuration sends mails, and where that is; an empty name: it is a mail server.
func MailAPI(cfg Config) (name, base string, err error) {
	name, ok := mailapi.Named(cfg.EmailURL)
	if !ok {
		return "", "", nil
	}
	api, err := mailapi.Open(cfg.EmailURL, cfg.Keys)
	if err != nil {
		return name, "", err
	}
	return name, api.Base(), nil
}

// TryMail connects to the mail server of a configuration, up to and including AUTH, and sends nothing. It returns whether the connection
// is encrypted. Errors contain no secret.
func TryMail(ctx context.Context, cfg Config) (encrypted bool, err error) {
	cfg = cfg.withDefaults()
	server, err := parseSMTPURL(cfg.EmailURL, cfg.RootCAs)
	if err != nil {
		return false, variable("TABI_EMAIL_URL", "%w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	s, err := newPool(server, 1).dial(ctx)
	if err != nil {
		return false, err
	}
	_, startTLS := s.smtp.TLSConnectionState()
	s.quit()
	return startTLS || server.encrypt == tlsImplicit, nil
}
