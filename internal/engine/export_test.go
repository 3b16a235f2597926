package engine

// The lists of hooks, for the test that changes their order.
var (
	Flush   = flush
	OnEvent = onEvent
	OnMerge = onMerge
)
