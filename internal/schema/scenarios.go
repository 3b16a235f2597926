package schema

import "github.com/tabi-journeys/tabi/internal/schema/shape"

// test is the schema of <journey>.test.yaml.
func (b *builder) test() *shape.Schema {
	return shape.Object(shape.Keys{
		"test":      b.Label().With("The journey under test; the file is called <journey>.test.yaml."),
		"customer":  customer().With("The customer of all scenarios: traits, and an id."),
		"start":     start().With("When scenarios start that have no start of their own."),
		"with":      b.with().With("Other journeys that run too; default none."),
		"scenarios": shape.List(b.scenario(), 1).With("The scenarios to run."),
	}, "test", "scenarios")
}

func customer() *shape.Schema {
	return &shape.Schema{Type: "object", Properties: shape.Keys{"id": shape.Identifier()}}
}

func start() *shape.Schema {
	return &shape.Schema{
		Type:     "string",
		Pattern:  shape.Moment,
		Words:    "A moment is written like 2026-03-02T10:00:00+09:00 or 2026-03-02.",
		Examples: []any{"2026-03-02T10:00:00+09:00", "2026-03-02"},
	}
}

func (b *builder) with() *shape.Schema {
	return shape.AnyOf(b.Label(), &shape.Schema{Type: "array", Items: b.Label(), UniqueItems: true})
}

func (b *builder) scenario() *shape.Schema {
	s := shape.Object(shape.Keys{
		"name":     shape.Identifier().With("What the scenario shows. Names are unique in the file."),
		"customer": customer().With("Changes to the file's customer: mappings are merged, other values replace, null removes a trait."),
		"start":    start().With("When the scenario starts."),
		"with":     b.with().With("Other journeys that run too, instead of the file's."),
		"arms": shape.MapOf(
			nil,
			&shape.Schema{Type: []string{"string", "number"}},
		).With("Id of a split → the arm to take: its name or, for an arm without a name, its number, from 1."),
		"calls": shape.MapOf(nil, shape.Object(shape.Keys{
			"status": shape.Whole(100, 599).With("Default 200. A call with 400 or more fails."),
			"body":   shape.Anything().With("The response."),
		})).With("Id of a call → its response. A scenario makes no real calls."),
		"activities": shape.MapOf(nil, &shape.Schema{
			Type: "object", Properties: shape.Keys{
				"result": shape.Anything().With("What it returns, a JSON value; default an empty object."),
				"error":  shape.Word().With("It fails for good; steps.<id>.error is this text."),
			},
			Others: false, Not: &shape.Schema{Required: []string{"result", "error"}},
		}).With("Id of an activity → its result, or the error. No worker is asked in a scenario."),
		"holdout":  shape.Boolean().With("The customer is in the control group; default false."),
		"timeline": shape.List(b.line(), 0).With("What happens, in this order."),
		"expect":   b.expect().With("What must be true when every enrollment has ended."),
	}, "name")
	speaks := b.Def("speaks", func() *shape.Schema {
		some := func(key string, is *shape.Schema) *shape.Schema {
			return &shape.Schema{Required: []string{key}, Properties: shape.Keys{key: is}}
		}
		return shape.AnyOf(append(shape.Need("outcome", "step", "sent", "blocked", "handoffs"),
			some("not_sent", &shape.Schema{Not: &shape.Schema{Type: "array", Not: &shape.Schema{MinItems: 1}}}),
			some("visited", &shape.Schema{Not: &shape.Schema{Type: "array", Not: &shape.Schema{MinItems: 1}}}),
			some("vars", &shape.Schema{MinProperties: 1}),
		)...)
	})
	s.AnyOf = []*shape.Schema{ // a scenario without expectations is an error
		{Required: []string{"expect"}, Properties: shape.Keys{"expect": speaks}},
		{
			Required: []string{"timeline"},
			Properties: shape.Keys{
				"timeline": {Contains: &shape.Schema{Required: []string{"expect"}, Properties: shape.Keys{"expect": speaks}}},
			},
		},
	}
	return s
}

// line is an entry of a timeline: a time and one action.
func (b *builder) line() *shape.Schema {
	acts := []shape.Keys{
		{
			"event":      shape.Word().With("An event of the customer."),
			"properties": (&shape.Schema{Type: "object"}).With("Its properties."),
			"id":         shape.Identifier().With("Its id: an event counts once. Default: a unique id."),
		},
		{"intent": scores().With("New scores of intents, as in {complaint: 0.9}. They then decay.")},
		{
			"customer": (&shape.Schema{Type: "object", Not: &shape.Schema{Required: []string{"id"}}}).With(
				"Traits that change; null removes a trait.",
			),
		},
		{"fail": shape.Object(shape.Keys{
			"via":       b.Channel(),
			"times":     shape.Whole(1, 1_000_000).With("How many sends; default 1."),
			"permanent": shape.Boolean().With("Whether the failure is permanent; default false: the send is retried."),
		}).With("The next sends fail.")},
		{"resolve": shape.Object(shape.Keys{
			"queue":   shape.Word().With("The queue; default any."),
			"outcome": shape.Word().With("The outcome of the hand-off."),
			"agent":   shape.Identifier().With("The agent's name; default agent."),
			"note":    shape.Text(),
		}, "outcome").With("An agent resolves the oldest open hand-off.")},
		{"expect": b.expect().With("What must be true now.")},
	}
	s := &shape.Schema{Description: "A moment, and one thing that happens then."}
	for i, name := range []string{"event", "intent", "customer", "fail", "resolve", "expect"} {
		one := shape.Object(
			shape.And(acts[i], shape.Keys{"at": b.Duration().With("The time since the start. It never decreases from line to line.")}),
			"at",
			name,
		)
		one.Title = name
		s.OneOf = append(s.OneOf, one)
	}
	return s
}

func scores() *shape.Schema {
	s := shape.MapOf(nil, shape.Within(0, 1))
	s.MinProperties = 1
	return s
}

// expect is an expectation.
func (b *builder) expect() *shape.Schema {
	return b.Def("expect", func() *shape.Schema {
		names := func() *shape.Schema { return shape.AnyOf(shape.Word(), shape.List(shape.Word(), 0)) }
		sent, blocked := b.said(false), b.said(true)
		s := shape.Object(shape.Keys{
			"key": (&shape.Schema{Type: []string{"string", "number", "boolean"}}).With(
				"Checks the enrollment with this entry key; default: the enrollment that began last.",
			),
			"outcome": shape.Word().With("How the enrollment ended."),
			"step":    shape.Word().With("The id of the step that the enrollment is at."),
			"visited": names().With("The enrollment visited these steps in this order, possibly with others between them."),
			"vars": (&shape.Schema{Type: "object", PropertyNames: &shape.Schema{Pattern: shape.Variable}}).With(
				"These variables have these values.",
			),
			"sent": shape.AnyOf(
				sent,
				shape.List(sent, 0),
			).With("In a timeline, a single message is the latest one sent so far. A list is exactly what was sent, in order."),
			"via":      b.Channel().With("The channel of a single message in sent."),
			"not_sent": shape.AnyOf(shape.Reference(), shape.List(shape.Reference(), 0)).With("None of these messages was sent."),
			"blocked":  shape.AnyOf(blocked, shape.List(blocked, 0)).With("Exactly these sends were blocked, in this order."),
			"handoffs": names().With("Exactly these queues got a hand-off, in this order."),
		})
		s.AnyOf = []*shape.Schema{ // via is allowed only with a single message
			{Not: &shape.Schema{Required: []string{"via"}}},
			{Required: []string{"sent"}, Properties: shape.Keys{"sent": {Not: &shape.Schema{Type: "array"}}}},
		}
		return s
	})
}

// said is a message in an expectation.
func (b *builder) said(blocked bool) *shape.Schema {
	name := "sent"
	if blocked {
		name = "blocked"
	}
	return b.Def(name, func() *shape.Schema {
		m := shape.Keys{"message": shape.Reference().With("The message."), "via": b.Channel()}
		if blocked {
			m["reason"] = shape.Word().With("The reason, such as NO_CONSENT.")
		} else {
			pieces := func() *shape.Schema { return shape.AnyOf(b.piece(), shape.List(b.piece(), 0)) }
			m["language"] = shape.Word().With("The language of the treatment, such as ja or pt-BR.")
			m["subject"] = shape.Text().With("The whole subject. Any kind of space equals a plain one.")
			m["contains"] = pieces().With("Each of these is somewhere in the texts of the treatment, html as it is sent.")
			m["not_contains"] = pieces().With("None of these is in a text of the treatment.")
		}
		return shape.AnyOf(shape.Reference(), shape.Object(m, "message"))
	})
}

// piece is a part of what a message says.
func (b *builder) piece() *shape.Schema {
	return b.Def("piece", func() *shape.Schema {
		return &shape.Schema{Type: []string{"string", "number"}, MinLength: 1, Words: "This is empty."}
	})
}
