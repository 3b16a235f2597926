package engine

// The lists of hooks, for the test that changes their order.
var (
	NotExported = notExported
	Exports     = exports
	Flush       = flush
	OnEvent     = onEvent
	OnMerge     = onMerge
)
