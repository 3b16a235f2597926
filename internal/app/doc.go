// Package app holds what every process of tabi shares: configuration from flags and environment, and the wiring of store,
// channels, Temporal client, worker, relay and gateway. The commands dev and serve and the worker are thin layers over it.
package app

// Version of this build; the Makefile sets it.
var Version = "dev"
