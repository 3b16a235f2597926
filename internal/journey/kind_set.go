package journey

var setKind = Kind{
	Name:    "set",
	Form:    "`set: {vars.x: <CEL>, customer.stage: <CEL>}`",
	Doc:     "Sets variables of the instance and traits of the customer, in the order of the file. A value that is missing leaves the target alone.",
	Example: "- set: {vars.tries: vars.tries + 1, customer.stage: \"'trial'\"}\n",
	New:     func() Spec { return &Set{} },
}
