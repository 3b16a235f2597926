package schema

// test is the schema of <journey>.test.yaml.
func (b *builder) test() *Schema {
	return object(keys{
		"test":      b.label().with("The journey under test; the file is called <journey>.test.yaml."),
		"customer":  customer().with("The customer of all scenarios: traits, and an id."),
		"start":     start().with("When the scenarios start, unless they say so themselves."),
		"with":      b.with().with("Other journeys that run too; default none."),
		"scenarios": list(b.scenario(), 1).with("The stories to play."),
	}, "test", "scenarios")
}

func customer() *Schema { return &Schema{Type: "object", Properties: keys{"id": id()}} }

func start() *Schema {
	return &Schema{
		Type:     "string",
		Pattern:  moment,
		Words:    "A moment is written like 2026-03-02T10:00:00+09:00 or 2026-03-02.",
		Examples: []any{"2026-03-02T10:00:00+09:00", "2026-03-02"},
	}
}

func (b *builder) with() *Schema {
	return anyOf(b.label(), &Schema{Type: "array", Items: b.label(), UniqueItems: true})
}

func (b *builder) scenario() *Schema {
	s := object(keys{
		"name":     id().with("What the scenario shows. No other of the file has this name."),
		"customer": customer().with("Laid over the file's: mappings are merged, everything else replaces, null takes a trait away."),
		"start":    start().with("When the scenario starts."),
		"with":     b.with().with("Other journeys that run too, in place of the file's."),
		"arms": mapOf(
			nil,
			&Schema{Type: []string{"string", "number"}},
		).with("Id of a split → the arm to take: its name, or for one without a name its number, from 1."),
		"calls": mapOf(nil, object(keys{
			"status": whole(100, 599).with("Default 200. From 400 on the call fails."),
			"body":   anything().with("The response."),
		})).with("Id of a call → what it gets. Nothing is called in a scenario."),
		"holdout":  boolean().with("The customer is in the control group; default false."),
		"timeline": list(b.line(), 0).with("What happens, in this order."),
		"expect":   b.expect().with("What must be so when every instance has ended."),
	}, "name")
	speaks := b.def("speaks", func() *Schema {
		some := func(key string, is *Schema) *Schema {
			return &Schema{Required: []string{key}, Properties: keys{key: is}}
		}
		return anyOf(append(need("outcome", "step", "sent", "blocked", "handoffs"),
			some("not_sent", &Schema{Not: &Schema{Type: "array", Not: &Schema{MinItems: 1}}}),
			some("visited", &Schema{Not: &Schema{Type: "array", Not: &Schema{MinItems: 1}}}),
			some("vars", &Schema{MinProperties: 1}),
		)...)
	})
	s.AnyOf = []*Schema{ // a scenario without expectations is an error
		{Required: []string{"expect"}, Properties: keys{"expect": speaks}},
		{
			Required:   []string{"timeline"},
			Properties: keys{"timeline": {Contains: &Schema{Required: []string{"expect"}, Properties: keys{"expect": speaks}}}},
		},
	}
	return s
}

// line is an entry of a timeline: a time and one action.
func (b *builder) line() *Schema {
	acts := []keys{
		{
			"event":      word().with("An event of the customer."),
			"properties": (&Schema{Type: "object"}).with("Its properties."),
			"id":         id().with("Its id: an event counts once. Default one of its own."),
		},
		{"intent": scores().with("The scores of intents, replaced: {complaint: 0.9}. They then decay.")},
		{"customer": (&Schema{Type: "object", Not: &Schema{Required: []string{"id"}}}).with("Traits that change; null takes one away.")},
		{"fail": object(keys{
			"via":       b.channel(),
			"times":     whole(1, 1_000_000).with("How many sends; default 1."),
			"permanent": boolean().with("Refused for good; default false: tried again."),
		}).with("The next sends fail.")},
		{"resolve": object(keys{
			"queue":   word().with("Default any."),
			"outcome": word().with("How the hand-off ended."),
			"agent":   id().with("Who; default agent."),
			"note":    text(),
		}, "outcome").with("An agent's word on the oldest open hand-off.")},
		{"expect": b.expect().with("What must be so now.")},
	}
	s := &Schema{Description: "A moment, and one thing that happens then."}
	for i, name := range []string{"event", "intent", "customer", "fail", "resolve", "expect"} {
		one := object(and(acts[i], keys{"at": b.duration().with("When, counted from the start. Never decreases.")}), "at", name)
		one.Title = name
		s.OneOf = append(s.OneOf, one)
	}
	return s
}

func scores() *Schema {
	s := mapOf(nil, within(0, 1))
	s.MinProperties = 1
	return s
}

// expect is an expectation.
func (b *builder) expect() *Schema {
	return b.def("expect", func() *Schema {
		names := func() *Schema { return anyOf(word(), list(word(), 0)) }
		sent, blocked := b.said(false), b.said(true)
		s := object(keys{
			"key": (&Schema{Type: []string{"string", "number", "boolean"}}).with(
				"Looks at the instance of this entry key; without it at the one entered last.",
			),
			"outcome": word().with("How the instance ended."),
			"step":    word().with("The id of the step where the instance is."),
			"visited": names().with("The instance passed these steps in this order; others may lie between."),
			"vars":    (&Schema{Type: "object", PropertyNames: &Schema{Pattern: variable}}).with("These variables have these values."),
			"sent": anyOf(
				sent,
				list(sent, 0),
			).with("In a timeline a message: the latest sent so far. A list: exactly these, in this order."),
			"via":      b.channel().with("The channel of a single message in sent."),
			"not_sent": anyOf(reference(), list(reference(), 0)).with("None of these messages was sent."),
			"blocked":  anyOf(blocked, list(blocked, 0)).with("Exactly these sends were refused, in this order."),
			"handoffs": names().with("Exactly these queues got a hand-off, in this order."),
		})
		s.AnyOf = []*Schema{ // via is allowed only with a single message
			{Not: &Schema{Required: []string{"via"}}},
			{Required: []string{"sent"}, Properties: keys{"sent": {Not: &Schema{Type: "array"}}}},
		}
		return s
	})
}

// said is a message in an expectation.
func (b *builder) said(blocked bool) *Schema {
	name := "sent"
	if blocked {
		name = "blocked"
	}
	return b.def(name, func() *Schema {
		m := keys{"message": reference().with("Which message."), "via": b.channel()}
		if blocked {
			m["reason"] = word().with("Why, as in NO_CONSENT.")
		}
		return anyOf(reference(), object(m, "message"))
	})
}
