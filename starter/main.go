// Command tabi runs, checks and operates durable customer journeys.
package main

import "github.com/tabi-journeys/tabi"

func main() { tabi.Main() }
