package schema

// test is the schema of <journey>.test.yaml.
func (b *builder) test() *Schema {
	return object(keys{
		"test":      b.label().with("The journey under test; the file is called <journey>.test.yaml."),
		"customer":  customer().with("The customer of all scenarios: traits, and an id."),
		"start":     start().with("When scenarios start that have no start of their own."),
		"with":      b.with().with("Other journeys that run too; default none."),
		"scenarios": list(b.scenario(), 1).with("The scenarios to run."),
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
		"name":     id().with("What the scenario shows. Names are unique in the file."),
		"customer": customer().with("Changes to the file's customer: mappings are merged, other values replace, null removes a trait."),
		"start":    start().with("When the scenario starts."),
		"with":     b.with().with("Other journeys that run too, instead of the file's."),
		"arms": mapOf(
			nil,
			&Schema{Type: []string{"string", "number"}},
		).with("Id of a split → the arm to take: its name or, for an arm without a name, its number, from 1."),
		"calls": mapOf(nil, object(keys{
			"status": whole(100, 599).with("Default 200. A call with 400 or more fails."),
			"body":   anything().with("The response."),
		})).with("Id of a call → its response. A scenario makes no real calls."),
		"holdout":  boolean().with("The customer is in the control group; default false."),
		"timeline": list(b.line(), 0).with("What happens, in this order."),
		"expect":   b.expect().with("What must be true when every enrollment has ended."),
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
			"id":         id().with("Its id: an event counts once. Default: a unique id."),
		},
		{"intent": scores().with("New scores of intents, as in {complaint: 0.9}. They then decay.")},
		{"customer": (&Schema{Type: "object", Not: &Schema{Required: []string{"id"}}}).with("Traits that change; null removes a trait.")},
		{"fail": object(keys{
			"via":       b.channel(),
			"times":     whole(1, 1_000_000).with("How many sends; default 1."),
			"permanent": boolean().with("Whether the failure is permanent; default false: the send is retried."),
		}).with("The next sends fail.")},
		{"resolve": object(keys{
			"queue":   word().with("The queue; default any."),
			"outcome": word().with("The outcome of the hand-off."),
			"agent":   id().with("The agent's name; default agent."),
			"note":    text(),
		}, "outcome").with("An agent resolves the oldest open hand-off.")},
		{"expect": b.expect().with("What must be true now.")},
	}
	s := &Schema{Description: "A moment, and one thing that happens then."}
	for i, name := range []string{"event", "intent", "customer", "fail", "resolve", "expect"} {
		one := object(and(acts[i], keys{"at": b.duration().with("The time since the start. It never decreases from line to line.")}), "at", name)
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
				"Checks the enrollment with this entry key; default: the enrollment that began last.",
			),
			"outcome": word().with("How the enrollment ended."),
			"step":    word().with("The id of the step that the enrollment is at."),
			"visited": names().with("The enrollment visited these steps in this order, possibly with others between them."),
			"vars":    (&Schema{Type: "object", PropertyNames: &Schema{Pattern: variable}}).with("These variables have these values."),
			"sent": anyOf(
				sent,
				list(sent, 0),
			).with("In a timeline, a single message is the latest one sent so far. A list is exactly what was sent, in order."),
			"via":      b.channel().with("The channel of a single message in sent."),
			"not_sent": anyOf(reference(), list(reference(), 0)).with("None of these messages was sent."),
			"blocked":  anyOf(blocked, list(blocked, 0)).with("Exactly these sends were blocked, in this order."),
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
		m := keys{"message": reference().with("The message."), "via": b.channel()}
		if blocked {
			m["reason"] = word().with("The reason, such as NO_CONSENT.")
		}
		return anyOf(reference(), object(m, "message"))
	})
}
