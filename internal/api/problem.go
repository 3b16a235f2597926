package api

// Problem is the body of every error response.
type Problem struct {
	Error ProblemDetail `json:"error"`
}

// ProblemDetail describes the error and what to do about it, without customer data.
type ProblemDetail struct {
	Code    string `json:"code" doc:"for programs: bad_value, missing, unknown_key, not_found, …"`
	Message string `json:"message" doc:"for people"`
	Field   string `json:"field,omitempty" doc:"path of the field that is wrong: batch[3].event"`
	Request string `json:"request_id,omitempty" doc:"the request's id, as in the header X-Request-Id and in the gateway's log"`
}

// Done is the response to a command that returns no data.
type Done struct {
	Success bool `json:"success"`
}
