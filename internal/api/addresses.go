package api

import "time"

// KnownAddress is an address of which more is known than its spelling: it is or was dead, or who reads it has refused
// marketing. It is true for every customer who has the address.
type KnownAddress struct {
	Channel    string     `json:"channel"`
	Address    string     `json:"address" personal:"mask" doc:"folded: lower case, without invisible characters"`
	Dead       bool       `json:"dead" doc:"nothing is sent to it"`
	Reason     string     `json:"reason,omitempty" doc:"why it is or was dead, in the provider's words"`
	DeadAt     *time.Time `json:"dead_at,omitempty"`
	RevivedAt  *time.Time `json:"revived_at,omitempty"`
	RevivedBy  string     `json:"revived_by,omitempty" doc:"an operator, or the event of a message that arrived"`
	OptedOut   bool       `json:"opted_out" doc:"it gets no marketing"`
	OptedOutAt *time.Time `json:"opted_out_at,omitempty"`
	OptedOutBy string     `json:"opted_out_by,omitempty" doc:"the event"`
	OptedInAt  *time.Time `json:"opted_in_at,omitempty"`
	OptedInBy  string     `json:"opted_in_by,omitempty" doc:"the event"`
}

// AddressList is a page of addresses, by channel and address. Next, if set, is the next page's after.
type AddressList struct {
	Addresses []KnownAddress `json:"addresses"`
	Next      string         `json:"next,omitempty"`
}

// AddressFilter is the input of ListAddresses.
type AddressFilter struct {
	State   string `query:"state" enum:"dead,opted_out,revived" doc:"default: all"`
	Channel string `query:"channel" doc:"default: all channels"`
	Address string `query:"address" doc:"in any spelling; default: all"`
	After   string `query:"after" doc:"next of the previous page"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// ReviveInput is the input of ReviveAddress.
type ReviveInput struct{ Body ReviveRequest }

// ReviveRequest names a dead address that is to be used again.
type ReviveRequest struct {
	Address string `json:"address" minLength:"1" maxLength:"4096" doc:"in any spelling"`
	Channel string `json:"channel,omitempty" doc:"default: every channel on which it is dead"`
	By      string `json:"by,omitempty" doc:"who revives it, if the token has no name"`
}

// ReviveResponse is the number of channels on which the address was dead.
type ReviveResponse struct {
	Revived int `json:"revived"`
}
