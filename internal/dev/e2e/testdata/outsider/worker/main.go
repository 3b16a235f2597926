// Command tabi-worker is tabi-worker with a channel for carrier pigeons.
package main

import (
	"example.com/shop/pigeon"
	"github.com/tabi-journeys/tabi"
)

func main() { tabi.WorkerMain(tabi.WithChannel(pigeon.Spec, pigeon.Open)) }
