package api

// Problem is the body of every error answer.
type Problem struct {
	Error ProblemDetail `json:"error"`
}

// ProblemDetail says what is wrong and what to do, without customer data.
type ProblemDetail struct {
	Code    string `json:"code" doc:"for programs: bad_value, missing, unknown_key, not_found, …"`
	Message string `json:"message" doc:"for people"`
	Field   string `json:"field,omitempty" doc:"which field is wrong: batch[3].event"`
}

// Done is the answer to an order that has nothing to say.
type Done struct {
	Success bool `json:"success"`
}
