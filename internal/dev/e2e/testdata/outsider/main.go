// Command tabi is tabi with a channel for carrier pigeons.
package main

import (
	"example.com/shop/pigeon"
	"github.com/tabi-journeys/tabi"
)

func main() { tabi.Main(tabi.WithChannel(pigeon.Spec, pigeon.Open)) }
