// Command tabi-worker runs journeys.
package main

import "github.com/tabi-journeys/tabi"

func main() { tabi.WorkerMain() }
