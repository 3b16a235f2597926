// Package intent keeps how strongly a customer's events point to each intent.
//
// A strength is a sum of weights that decay by the intent's half-life. Each row says since which release its
// intent was defined as it was then. When a release defines an intent differently, its rows become stale, and
// two things can happen. A background job recomputes all customers, page by page. Meanwhile, the transaction
// that reads a stale customer recomputes that customer first: for the answer alone, or, where the transaction
// holds the customer's lock, for good. Example: evidence of "churn" gets a new weight; Ana writes a message one
// second later, and her score is by the new weight already, though the job has not come to her. Without this,
// decisions of one release would mix scores of two. Evidence that no definition changes (classified messages,
// scores set by hand) is kept and replayed in its place.
package intent
