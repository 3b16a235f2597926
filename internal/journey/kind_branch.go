package journey

var branchKind = Kind{
	Name:    "branch",
	Form:    "list of arms `{when:, then: [...]}`; beside it `else: [...]`",
	Doc:     "Goes the way of the first arm whose condition is true, else the way of `else`.",
	Example: "- branch:\n    - when: customer.tier == \"gold\"\n      then: [{wait: 1h}]\n    - {when: entry.total > 100, then: [{wait: 2h}]}\n  else:\n    - wait: 3h\n",
	Results: []string{"arm"},
	Options: []string{"else"},
	New:     func() Spec { return &Branch{} },
}
