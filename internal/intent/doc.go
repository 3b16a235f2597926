// Package intent keeps how strongly a customer's events point to each intent.
//
// A strength is a sum of weights that decay by the intent's half-life. Each row names the release since which its
// intent has had the definition that the row was computed by. When a release defines an intent differently, the
// intent's rows become stale. A background job recomputes all customers, page by page. Meanwhile, a transaction
// that reads a stale customer recomputes that customer first: for the answer alone or, if the transaction holds
// the customer's lock, for good. Example: evidence of "churn" gets a new weight. Ana writes a message one second
// later, and her score already counts by the new weight, though the job has not reached her. Without this, the
// decisions of one release would mix the scores of two. Evidence that no definition changes (classified messages,
// scores set by hand) is kept and replayed in its place.
package intent
