// Package message keeps the ledger of sends: every message that was sent, is about to be, or was refused.
//
// The row of a send is its reservation. Reserve decides by the contact policy and writes the row in one transaction that
// holds the customer's lock, so that two sends can never both take the last place under a frequency cap. The row counts
// for the caps until Settle records that the message was not sent. A lease with a fencing token lets one attempt at a
// time call the provider. An attempt that never settles leaves the row "sending": the next attempt counts it as outcome
// unknown and keeps its channel, since another channel could say it twice, and the row still counts for the caps. A send
// that quiet hours hold counts for none.
package message
