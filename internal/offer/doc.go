// Package offer decides next best actions, keeps the decisions and their offers, and learns from what became of them.
//
// On a SQLite file all writers wait for one another, and a decision reads much and writes little. It is therefore made
// optimistically: on a snapshot, before the writers' turn. The transaction takes the customer's lock, and the decision is
// valid if the version is the one of the snapshot plus one (the lock itself) and the release is the same. Otherwise, or where
// the snapshot failed, the decision is made again under the lock. Whatever changes a customer takes the lock and so increments
// the version. Without that, a decision could break a cap that another transaction has just used up.
package offer
