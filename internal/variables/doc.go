// Package variables reads what the expressions and templates of an enrollment see: the customer, the entry event, the current
// event, results of steps, responses of HTTP calls and intents.
package variables
