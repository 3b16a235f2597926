package api

// MailEventsResponse is the response to reports of a mail provider.
type MailEventsResponse struct {
	Success  bool            `json:"success"`
	Accepted int             `json:"accepted"`
	Ignored  []IgnoredReport `json:"ignored"`
	Warnings []string        `json:"warnings,omitempty" doc:"what of accepted reports was not understood, or had no effect, and why"`
	Rejected []RejectedCall  `json:"rejected,omitempty" doc:"reports that cannot be read; the others were accepted"`
}

// IgnoredReport identifies a report without effect and states the reason. It is no error, because providers also report
// messages that other systems sent.
type IgnoredReport struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// MailReports is a mail provider's reports: one object or a list.
type MailReports any
