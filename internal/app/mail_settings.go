package app

import "github.com/tabi-journeys/tabi/internal/mailbox"

// Mailbox returns the mailbox of bounces; nil: none is read.
func (c *Config) Mailbox() (*mailbox.Address, error) {
	if c.BounceMailbox == "" {
		return nil, nil
	}
	a, err := mailbox.Parse(c.BounceMailbox, string(c.secrets.mailbox))
	if err != nil {
		return nil, Usage("--bounce-mailbox (TABI_BOUNCE_MAILBOX): %w", err)
	}
	return a, nil
}

// mailSettings returns the settings of mails that come back.
func (c *Config) mailSettings() []setting {
	ch := &c.Channels
	return []setting{
		{
			Channels,
			"bounce-address",
			"TABI_BOUNCE_ADDRESS",
			"address that mails are returned to over SMTP, such as bounces@example.com: a signed token comes after a +, or in place " +
				"of a *; empty: the sender's",
			str(&ch.BounceAddress, ""),
		},
		{
			HTTP,
			"bounce-mailbox",
			"TABI_BOUNCE_MAILBOX",
			"mailbox of the bounce address, whose mails become events: imaps://user@host/INBOX, imap:// (by STARTTLS) or maildir:/path; " +
				"empty: none is read",
			str(&c.BounceMailbox, ""),
		},
		{
			HTTP,
			"bounce-mailbox-password",
			"TABI_BOUNCE_MAILBOX_PASSWORD",
			"password of the bounce mailbox",
			hid(&c.secrets.mailbox),
		},
		{
			Channels,
			"dkim-key",
			"TABI_DKIM_KEY",
			"private key that signs mails over SMTP, in PEM form: RSA, Ed25519, or one of each; empty: the mail server signs, or nobody",
			hid(&c.secrets.dkim),
		},
		{Channels, "dkim-selector", "TABI_DKIM_SELECTOR", "name of the key in DNS; one for each key, separated by commas",
			str(&ch.DKIMSelector, "")},
		{Channels, "dkim-domain", "TABI_DKIM_DOMAIN", "domain that signs; empty: that of mail-from", str(&ch.DKIMDomain, "")},
	}
}
