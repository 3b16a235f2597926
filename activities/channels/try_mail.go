package channels

import "context"

// TryMail connects to the mail server of a configuration, up to and including AUTH, and sends nothing. It returns whether the connection
// is encrypted. Errors contain no secret.
func TryMail(ctx context.Context, cfg Config) (encrypted bool, err error) {
	cfg = cfg.withDefaults()
	server, err := parseSMTPURL(cfg.SMTPURL, cfg.RootCAs)
	if err != nil {
		return false, variable("TABI_SMTP_URL", "%w", err)
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
