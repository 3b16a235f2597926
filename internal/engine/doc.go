// Package engine opens the rooms over one database, and lists in which order they act in each other's transactions.
package engine
