package app

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
