package schema

import "github.com/tabi-journeys/tabi/internal/journey"

// actions is the schema of actions/<group>.yaml.
func (b *builder) actions() *Schema {
	all := mapOf(names(), b.action()).with("The actions by name. A name is unique in the project.")
	all.MinProperties = 1
	return object(keys{"group": b.label().with("The group's name, which is also the file's."), "actions": all}, "group", "actions")
}

func (b *builder) action() *Schema {
	accept := object(keys{
		"event":  b.events(),
		"when":   b.cel().with("A condition on the event."),
		"within": b.duration().with("How long after the offer the event counts as acceptance; default 7d. An offer not accepted by then counts as declined."),
	}, "event")
	return object(keys{
		"message": reference().with("The message to send. An action without one can only be chosen: by decide with send: false, or by " +
			"POST /v1/decide."),
		"via":        b.via().with("The channels it may be offered on; default: all channels of the message."),
		"value":      b.cel().with("A number: what an acceptance is worth."),
		"cost":       b.cel().with("A number that is subtracted from the value; default 0."),
		"lever":      b.cel().with("A number: the weight set by the business; default 1."),
		"eligible":   b.cel().with("May the customer have it?"),
		"applicable": b.cel().with("Is it relevant now?"),
		"suitable":   b.cel().with("Is it good for the customer?"),
		"context": list(object(keys{
			"when":   b.cel().with("If this is true, the weight counts."),
			"weight": amount(0).with("A factor."),
		}, "when", "weight"), 0).with("Weights of the current situation. The priority is multiplied by those that match."),
		"propensity": within(0, 1).with("The assumed probability of acceptance before anything is learned, above 0 and below 1; " +
			"default 0.5."),
		"accept": accept.with("The event that means acceptance."),
	}, "value")
}

// intents is the schema of intents.yaml.
func (b *builder) intents() *Schema {
	one := object(keys{
		"half_life": b.duration().with("The time after which evidence counts half."),
		"evidence": list(object(keys{
			"event":  b.events(),
			"when":   b.cel().with("A condition on the event."),
			"weight": (&Schema{Type: "number"}).with("How much the event counts; a weight below 0 counts against the intent."),
		}, "event", "weight"), 0).with("Events that count for the intent or against it."),
		"examples": list(id(), 0).with("What customers write, to train the text classifier."),
	}, "half_life")
	return object(keys{"intents": mapOf(names(), one).with("The intents, by name.")}, "intents")
}

// policy is the schema of policy.yaml.
func (b *builder) policy() *Schema {
	consent := keys{
		"all":                 b.cel().with("For every message, transactional messages included."),
		journey.Marketing:     b.cel().with("For marketing."),
		journey.Transactional: b.cel().with("For transactional messages."),
	}
	for _, c := range b.channels {
		consent[c.Name] = b.cel().with("For messages by " + c.Name + ".")
	}
	percent := within(0, 100)
	shares := keys{
		journey.ControlRandom:         percent.with("Percent of customers for whom a random permitted action is chosen."),
		journey.ControlPropensityOnly: percent.with("Percent of customers for whom the propensity alone decides."),
		journey.ControlNoLevers:       percent.with("Percent of customers for whom levers do not count."),
		journey.ControlEligibilityOnly: percent.with("Percent of customers for whom only `eligible` is checked, not `applicable` " +
			"and `suitable`."),
	}
	category := enum(journey.Marketing, journey.Transactional)
	return object(keys{
		"limits": list(object(keys{
			"channel": b.channel().with("Only messages on this channel; default: all channels together."),
			"topic":   word().with("Only messages of this topic."),
			"max":     (&Schema{Type: "integer", Minimum: number(0)}).with("The highest number of messages."),
			"per":     b.duration().with("The length of the rolling window."),
		}, "max", "per"), 0).with("Frequency caps: how often a customer may be contacted."),
		"quiet_hours": object(keys{
			"from":             localTime().with("The time of day they begin."),
			"to":               localTime().with("The time of day they end, exclusive."),
			"timezone":         b.zone(),
			"missing_timezone": (&Schema{Type: "string", Pattern: notBlank}).with("An IANA name for customers without one; default UTC."),
			"on_blocked": anyOf(
				enum("queue").with("The send waits until quiet hours end. The whole policy is then checked again."),
				enum("drop").with("The send is dropped."),
			).with("What happens to a send in quiet hours; default queue."),
		}, "from", "to").with("Hours in which only transactional messages are sent."),
		"consent": object(consent).with("Conditions. A condition that is false or missing means no consent."),
		"suppress": list(object(keys{
			"when":     b.cel().with("A condition."),
			"category": category.with("Only messages of this category. Transactional ones are never suppressed."),
			"channel":  b.channel().with("Only messages on this channel."),
			"topic":    word().with("Only messages of this topic."),
			"reason":   word().with("The reason to record; default SUPPRESSED."),
		}, "when"), 0).with("Customers not to contact now."),
		"control_groups": object(shares).with("Permanent control groups of the arbitration; together 100 percent at most."),
		"tone": list(object(keys{
			"when": b.cel().with("A condition."),
			"use":  word().with("The tone of the messages."),
		}, "when", "use"), 0).with("The tone of messages: that of the first condition that is true. A step's own tone takes precedence."),
	})
}
