package schema

import "github.com/tabi-journeys/tabi/internal/journey"

// actions is the schema of actions/<group>.yaml.
func (b *builder) actions() *Schema {
	all := mapOf(names(), b.action()).with("The actions, by a name that is unique in the project.")
	all.MinProperties = 1
	return object(keys{"group": b.label().with("The group's name: that of its file."), "actions": all}, "group", "actions")
}

func (b *builder) action() *Schema {
	accept := object(keys{
		"event":  b.events(),
		"when":   b.cel().with("A condition on the event."),
		"within": b.duration().with("So long after the offer it counts, default 7d; not accepted by then counts against it."),
	}, "event")
	return object(keys{
		"message": reference().with("What is said. An action without one can only be chosen: decide with send: false, or POST " +
			"/v1/decide."),
		"via":        b.via().with("Channels it may be offered by; default all of the message."),
		"value":      b.cel().with("A number: what an acceptance is worth."),
		"cost":       b.cel().with("A number that is taken off the value; default 0."),
		"lever":      b.cel().with("A number: the weight that the business gives it; default 1."),
		"eligible":   b.cel().with("May they have it?"),
		"applicable": b.cel().with("Is it relevant now?"),
		"suitable":   b.cel().with("Is it good for them?"),
		"context": list(object(keys{
			"when":   b.cel().with("Where this is true, the weight counts."),
			"weight": amount(0).with("A factor."),
		}, "when", "weight"), 0).with("Weights of the moment; the product of those that match."),
		"propensity": within(0, 1).with("What is believed of an acceptance at the start, above 0 and below 1; default 0.5."),
		"accept":     accept.with("The event by which the customer accepts."),
	}, "value")
}

// intents is the schema of intents.yaml.
func (b *builder) intents() *Schema {
	one := object(keys{
		"half_life": b.duration().with("After this time evidence counts half."),
		"evidence": list(object(keys{
			"event":  b.events(),
			"when":   b.cel().with("A condition on the event."),
			"weight": (&Schema{Type: "number"}).with("How much it counts; below 0 against it."),
		}, "event", "weight"), 0).with("Events that speak for it, or against."),
		"examples": list(id(), 0).with("What people write: trains the text classifier."),
	}, "half_life")
	return object(keys{"intents": mapOf(names(), one).with("The intents, by name.")}, "intents")
}

// policy is the schema of policy.yaml.
func (b *builder) policy() *Schema {
	consent := keys{
		"all":                 b.cel().with("Of everything. Also transactional messages ask it."),
		journey.Marketing:     b.cel().with("Of marketing."),
		journey.Transactional: b.cel().with("Of transactional messages."),
	}
	for _, c := range b.channels {
		consent[c.Name] = b.cel().with("Of messages by " + c.Name + ".")
	}
	shares := keys{
		journey.ControlRandom: within(
			0,
			100,
		).with("Percent of customers for whom a random one of the permitted actions is chosen."),
		journey.ControlPropensityOnly: within(0, 100).with("Percent of customers for whom the propensity alone decides."),
		journey.ControlNoLevers:       within(0, 100).with("Percent of customers for whom levers do not count."),
		journey.ControlEligibilityOnly: within(
			0,
			100,
		).with("Percent of customers for whom only eligibility is asked, and not what is applicable and suitable."),
	}
	category := enum(journey.Marketing, journey.Transactional)
	return object(keys{
		"limits": list(object(keys{
			"channel": b.channel().with("Default: all channels together."),
			"topic":   word().with("Only messages of this topic."),
			"max":     (&Schema{Type: "integer", Minimum: number(0)}).with("So many at most."),
			"per":     b.duration().with("In a window of this length that rolls along."),
		}, "max", "per"), 0).with("How often a customer may be contacted."),
		"quiet_hours": object(keys{
			"from":             localTime().with("From this time of day on."),
			"to":               localTime().with("Until this time of day, exclusive."),
			"timezone":         b.zone(),
			"missing_timezone": (&Schema{Type: "string", Pattern: notBlank}).with("An IANA name for customers without one; default UTC."),
			"on_blocked": anyOf(
				enum("queue").with("The send waits until the end, where everything is decided afresh."),
				enum("drop").with("The send is not made."),
			).with("What becomes of a send; default queue."),
		}, "from", "to").with("When nothing but transactional messages is sent."),
		"consent": object(consent).with("Conditions; one that is false or missing means no."),
		"suppress": list(object(keys{
			"when":     b.cel().with("A condition."),
			"category": category.with("Only messages of this category. Transactional ones are never suppressed."),
			"channel":  b.channel().with("Only messages by this channel."),
			"topic":    word().with("Only messages of this topic."),
			"reason":   word().with("The reason that is noted; default SUPPRESSED."),
		}, "when"), 0).with("Whom not to contact now."),
		"control_groups": object(shares).with("Standing control tests of the arbitration; together 100 percent at most."),
		"tone": list(object(keys{
			"when": b.cel().with("A condition."),
			"use":  word().with("The tone of the messages."),
		}, "when", "use"), 0).with("How to speak; the first that is true. A step's own tone comes before it."),
	})
}
