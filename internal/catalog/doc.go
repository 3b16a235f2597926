// Package catalog keeps the releases and their journeys, in the database and in memory, with the indexes that rooms look
// things up by: journeys by entry event, by condition and by schedule, evidence by event, actions by accepting event.
package catalog
