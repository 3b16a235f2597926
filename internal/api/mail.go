package api

// MailEventsResponse is the response to reports of a mail provider.
type MailEventsResponse struct {
	Success  bool            `json:"success"`
	Accepted int             `json:"accepted"`
	Ignored  []IgnoredReport `json:"ignored"`
}

// IgnoredReport says which report had no effect, and why. It is no error: providers also report mails that others sent.
type IgnoredReport struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// MailReports are reports of a mail provider: one object or a list.
type MailReports any
