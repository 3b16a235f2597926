// Package unit is one transaction over many rooms: the customers it has locked, with their open enrollments, and what it will
// write.
//
// A unit locks customers first, in the order of their ids, so that two units never wait for each other in a circle. Whatever
// changes what is known of a customer takes that lock, which counts the customer's version. A room keeps its own part of a
// unit with [State], and writes that part in the order of Hooks.Flush, so that one transaction costs few statements. What a
// room does in the transaction of another one is a hook; the engine fills the lists. This package names no table: customers
// and enrollments belong to their rooms, which implement [Customers] and [Enrollments].
package unit
