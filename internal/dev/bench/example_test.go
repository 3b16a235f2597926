package main

import "fmt"

// The third round was disturbed, for both sides: the ratios do not show it.
func Example_ratios() {
	tabi, plain := []float64{30, 28, 14, 29, 31}, []float64{15, 14, 7, 14.5, 15}
	r := ratios(tabi, plain)
	fmt.Printf("%.2f (%.2f – %.2f)\n", median(r), interval(r).Low, interval(r).High)
	// Output: 2.00 (2.00 – 2.07)
}
