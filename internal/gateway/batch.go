package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// batch is the body of /v1/batch, decoded once: reading it costs more than anything else that the gateway does
// for a call.
type batch struct {
	calls  []any // numbers are json.Number
	sizes  []int // of the calls, in bytes
	sentAt any
}

// readBatch decodes a batch. What its calls hold is not checked yet.
func (g *Gateway) readBatch(body []byte) (*batch, *fail) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	first, err := dec.Token()
	if err == nil && first != json.Delim('{') {
		return nil, badJSON("", json.Unmarshal(body, &map[string]any{})) // says what stands there instead
	}
	var b batch
	var f *fail
	given := false
	for err == nil && dec.More() {
		var key json.Token
		if key, err = dec.Token(); err != nil {
			break
		}
		switch key {
		case "batch":
			given, b.calls, b.sizes = true, nil, nil
			f, err = g.readCalls(dec, body, &b)
		case "sentAt":
			b.sentAt = nil
			err = dec.Decode(&b.sentAt)
		default:
			var other json.RawMessage
			err = dec.Decode(&other)
		}
	}
	if err == nil {
		_, err = dec.Token() // the end of the object
	}
	if err != nil {
		return nil, badJSON("", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &fail{Status: http.StatusBadRequest, Code: "malformed_json", Message: "malformed JSON: something follows the object"}
	}
	if !given {
		f = need("batch", "")
	}
	return &b, f
}

// readCalls decodes the list of calls. A problem with it is told once the whole body is known to be JSON.
func (g *Gateway) readCalls(dec *json.Decoder, body []byte, b *batch) (*fail, error) {
	begin := dec.InputOffset()
	var raw json.RawMessage
	if at := bytes.TrimLeft(body[begin:], ": \t\r\n"); len(at) == 0 || at[0] != '[' {
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		if string(raw) == "null" {
			return need("batch", ""), nil
		}
		return bad("batch", "is not a list of calls"), nil
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	n := 0
	for ; dec.More(); n++ {
		if n >= g.cfg.Limits.Batch { // only counted
			if err := dec.Decode(&raw); err != nil {
				return nil, err
			}
			continue
		}
		from := dec.InputOffset()
		var one any
		if err := dec.Decode(&one); err != nil {
			return nil, err
		}
		b.calls = append(b.calls, one)
		b.sizes = append(b.sizes, len(bytes.TrimLeft(body[from:dec.InputOffset()], ", \t\r\n")))
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	switch {
	case n == 0:
		return bad("batch", "is empty"), nil
	case n > g.cfg.Limits.Batch:
		return &fail{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Field: "batch",
			Message: fmt.Sprintf("batch has %d calls; at most %d are taken at once", n, g.cfg.Limits.Batch)}, nil
	}
	return nil, nil
}
