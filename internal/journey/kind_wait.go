package journey

var waitKind = Kind{
	Name: "wait",
	Form: "`wait: 2h` · `wait: {until: \"09:00\", days: [mon, tue], timezone: customer}` · `wait: {until: customer.trial_ends_at, offset: -2d}`",
	Doc: "Parks for a duration, until a time of day on some days of the week, or until a moment: a timestamp, an RFC 3339 text, or a date " +
		"(midnight in `timezone`, by default the customer's). `offset` moves the moment. A moment that is past, missing or unreadable does not park. " +
		"No wait outlives the journey's `timeout`.",
	Example: "- wait: 1h30m\n- wait: {until: \"09:00\", days: [mon, tue, wed, thu, fri]}\n- wait: {until: customer.trial_ends_at, offset: -2d}\n",
	New:     func() Spec { return &Wait{} },
}
