package api

import "net/http"

// ExportInput is the input of ExportCustomer.
type ExportInput struct {
	ID    string `path:"id" maxLength:"260" doc:"any id of the customer, percent-encoded"`
	After string `query:"after" doc:"next of the previous page"`
}

// ExportPage is a page of the copy of all that is known of a customer: rows of one list.
type ExportPage struct {
	Customer string           `json:"customer" doc:"the customer's own id"`
	List     string           `json:"list" doc:"what the rows are: the name of their table"`
	Title    string           `json:"title" doc:"the same for the customer, in plain words"`
	Rows     []map[string]any `json:"rows" personal:"mask" doc:"without what is empty"`
	Next     string           `json:"next,omitempty"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"on the first page: since when each kind of data is complete"`
}

// ExportCustomer copies all that is known of a customer, page by page.
var ExportCustomer = Endpoint[ExportInput, ExportPage]{
	ID: "exportCustomer", Method: http.MethodGet, Path: "/v1/admin/customers/{id}/export", Errors: []int{http.StatusNotFound},
	Summary: "Copy all that is known of a customer, page by page, in every list",
}
