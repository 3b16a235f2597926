package journey

var splitKind = Kind{
	Name: "split",
	Form: "list of arms `{weight: 50, name:, then: [...]}`",
	Doc: "Goes a way by chance that hangs on journey, step id and customer alone: the same customer, the same arm. " +
		"Weights are shares of their sum. Give the step an id, or an edit can move people to another arm.",
	Example: "- id: greeting\n  split:\n    - {weight: 80, name: short, then: [{wait: 1h}]}\n    - {weight: 20, name: long}\n",
	Results: []string{"arm", "name"},
	New:     func() Spec { return &Split{} },
}
