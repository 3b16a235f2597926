// Package enrollment decides who enters a journey (enter.go), and keeps enrollments from entry to end: re-entry, entry
// conditions, schedules, reports of runs, commands and migrations.
package enrollment
