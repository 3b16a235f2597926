package api

// Payloads are payloads of Temporal, by its JSON for remote codecs.
type Payloads struct {
	Payloads []Payload `json:"payloads"`
}

// Payload is a value as Temporal keeps it.
type Payload struct {
	Metadata map[string]string `json:"metadata,omitempty" doc:"Values are base64"`
	Data     string            `json:"data,omitempty" doc:"base64"`
}
