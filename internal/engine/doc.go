// Package engine composes the rooms over one database. It says in which order rooms act in each other's transactions.
package engine
