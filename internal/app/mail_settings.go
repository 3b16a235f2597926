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
	}
}
