// Package erasure is the room of requests to forget a customer: what is asked for, how far it has come, and the report that
// remains. What goes is decided by the rooms, as OnForget hooks; the order of the steps is that of the workflow Forget.
package erasure
