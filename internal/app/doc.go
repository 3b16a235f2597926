// Package app is what every process of tabi shares: configuration from flags and environment, and the wiring of store,
// channels, Temporal client, worker, relay and gateway. dev, serve and the worker are thin over it.
package app

// Version of this build; the Makefile sets it.
var Version = "dev"
