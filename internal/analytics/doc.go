// Package analytics reads what happened, over all rooms, and writes nothing.
package analytics
