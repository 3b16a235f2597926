package schema

import (
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// actions is the schema of actions/<group>.yaml.
func (b *builder) actions() *shape.Schema {
	all := shape.MapOf(shape.Names(), b.action()).With("The actions by name. A name is unique in the project.")
	all.MinProperties = 1
	return shape.Object(
		shape.Keys{"group": b.Label().With("The group's name, which is also the file's."), "actions": all},
		"group",
		"actions",
	)
}

func (b *builder) action() *shape.Schema {
	accept := shape.Object(shape.Keys{
		"event": b.Events(),
		"when":  b.CEL().With("A condition on the event."),
		"within": b.Duration().
			With("How long after the offer the event counts as acceptance; default 7d. An offer not accepted by then counts as declined."),
	}, "event")
	return shape.Object(shape.Keys{
		"message": shape.Reference().
			With("The message to send. An action without one can only be chosen: by decide with send: false, or by " +
				"POST /v1/decide."),
		"via":        b.Via().With("The channels it may be offered on; default: all channels of the message."),
		"value":      b.CEL().With("A number: what an acceptance is worth."),
		"cost":       b.CEL().With("A number that is subtracted from the value; default 0."),
		"lever":      b.CEL().With("A number: the weight set by the business; default 1."),
		"eligible":   b.CEL().With("May the customer have it?"),
		"applicable": b.CEL().With("Is it relevant now?"),
		"suitable":   b.CEL().With("Is it good for the customer?"),
		"context": shape.List(shape.Object(shape.Keys{
			"when":   b.CEL().With("If this is true, the weight counts."),
			"weight": shape.Amount(0).With("A factor."),
		}, "when", "weight"), 0).With("Weights of the current situation. The priority is multiplied by those that match."),
		"propensity": shape.Within(0, 1).With("The assumed probability of acceptance before anything is learned, above 0 and below 1; " +
			"default 0.5."),
		"accept": accept.With("The event that means acceptance."),
	}, "value")
}

// intents is the schema of intents.yaml.
func (b *builder) intents() *shape.Schema {
	one := shape.Object(shape.Keys{
		"half_life": b.Duration().With("The time after which evidence counts half."),
		"evidence": shape.List(shape.Object(shape.Keys{
			"event":  b.Events(),
			"when":   b.CEL().With("A condition on the event."),
			"weight": (&shape.Schema{Type: "number"}).With("How much the event counts; a weight below 0 counts against the intent."),
		}, "event", "weight"), 0).With("Events that count for the intent or against it."),
		"examples": shape.List(shape.Identifier(), 0).With("What customers write, to train the text classifier."),
	}, "half_life")
	return shape.Object(shape.Keys{"intents": shape.MapOf(shape.Names(), one).With("The intents, by name.")}, "intents")
}

// topics is the schema of topics.yaml.
func (b *builder) topics() *shape.Schema {
	texts := func() *shape.Schema { return shape.MapOf(&shape.Schema{Pattern: shape.NotBlank}, shape.Word()) }
	one := shape.Object(shape.Keys{
		"name":  texts().With("The name that customers read, by language: {en: Offers, ja: お得な情報}."),
		"about": texts().With("A sentence for customers, by language."),
		"channels": shape.AnyOf(b.Channel(), shape.List(b.Channel(), 0)).
			With("The channels on which customers can choose. On other channels the default counts."),
		"default": shape.Boolean().With("Whether customers who have not chosen get messages of the topic; default false."),
	}, "channels")
	return shape.Object(shape.Keys{"topics": shape.MapOf(shape.Names(), one).With("The topics, by name.")}, "topics")
}

// policy is the schema of policy.yaml.
func (b *builder) policy() *shape.Schema {
	consent := shape.Keys{
		"all":                 b.CEL().With("For every message, transactional messages included."),
		journey.Marketing:     b.CEL().With("For marketing."),
		journey.Transactional: b.CEL().With("For transactional messages."),
	}
	for _, c := range b.Channels {
		consent[c.Name] = b.CEL().With("For messages by " + c.Name + ".")
	}
	percent := shape.Within(0, 100)
	shares := shape.Keys{
		journey.ControlRandom:         percent.With("Percent of customers for whom a random permitted action is chosen."),
		journey.ControlPropensityOnly: percent.With("Percent of customers for whom the propensity alone decides."),
		journey.ControlNoLevers:       percent.With("Percent of customers for whom levers do not count."),
		journey.ControlEligibilityOnly: percent.With("Percent of customers for whom only `eligible` is checked, not `applicable` " +
			"and `suitable`."),
	}
	category := shape.Enum(journey.Marketing, journey.Transactional)
	return shape.Object(shape.Keys{
		"limits": shape.List(shape.Object(shape.Keys{
			"channel": b.Channel().With("Only messages on this channel; default: all channels together."),
			"topic":   shape.Word().With("Only messages of this topic."),
			"max":     (&shape.Schema{Type: "integer", Minimum: shape.Number(0)}).With("The highest number of messages."),
			"per":     b.Duration().With("The length of the rolling window."),
		}, "max", "per"), 0).With("Frequency caps: how often a customer may be contacted."),
		"quiet_hours": shape.Object(shape.Keys{
			"from":     shape.TimeOfDay().With("The time of day they begin."),
			"to":       shape.TimeOfDay().With("The time of day they end, exclusive."),
			"timezone": b.Zone(),
			"missing_timezone": (&shape.Schema{Type: "string", Pattern: shape.NotBlank}).With(
				"An IANA name for customers without one; default UTC.",
			),
			"on_blocked": shape.AnyOf(
				shape.Enum("queue").With("The send waits until quiet hours end. The whole policy is then checked again."),
				shape.Enum("drop").With("The send is dropped."),
			).With("What happens to a send in quiet hours; default queue."),
		}, "from", "to").With("Hours in which only transactional messages are sent."),
		"consent": shape.Object(consent).With("Conditions. A condition that is false or missing means no consent."),
		"suppress": shape.List(shape.Object(shape.Keys{
			"when":     b.CEL().With("A condition."),
			"category": category.With("Only messages of this category. Transactional ones are never suppressed."),
			"channel":  b.Channel().With("Only messages on this channel."),
			"topic":    shape.Word().With("Only messages of this topic."),
			"reason":   shape.Word().With("The reason to record; default SUPPRESSED."),
		}, "when"), 0).With("Customers not to contact now."),
		"control_groups": shape.Object(shares).With("Permanent control groups of the arbitration; together 100 percent at most."),
		"tone": shape.List(shape.Object(shape.Keys{
			"when": b.CEL().With("A condition."),
			"use":  shape.Word().With("The tone of the messages."),
		}, "when", "use"), 0).With("The tone of messages: that of the first condition that is true. A step's own tone takes precedence."),
	})
}
