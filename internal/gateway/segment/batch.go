package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// batch is the body of /v1/batch, decoded only once: decoding is the gateway's largest cost of a call.
type batch struct {
	calls  []any // numbers are json.Number
	sizes  []int // of the calls, in bytes
	sentAt any
}

// readBatch decodes a batch. The content of its calls is not checked yet.
func (h *Handlers) readBatch(body []byte) (*batch, *web.Error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	first, err := dec.Token()
	if err == nil && first != json.Delim('{') {
		return nil, web.BadJSON("", json.Unmarshal(body, &map[string]any{})) // reports what is there instead
	}
	var b batch
	var f *web.Error
	given := false
	for err == nil && dec.More() {
		var key json.Token
		if key, err = dec.Token(); err != nil {
			break
		}
		switch key {
		case "batch":
			given, b.calls, b.sizes = true, nil, nil
			f, err = h.readCalls(dec, body, &b)
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
		return nil, web.BadJSON("", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &web.Error{Status: http.StatusBadRequest, Code: "malformed_json",
			Message: "malformed JSON: unexpected data after the object"}
	}
	if !given {
		f = web.Need("batch", "")
	}
	return &b, f
}

// readCalls decodes the list of calls. An error in the list is reported only after the whole body turned out to be JSON.
func (h *Handlers) readCalls(dec *json.Decoder, body []byte, b *batch) (*web.Error, error) {
	begin := dec.InputOffset()
	var raw json.RawMessage
	if at := bytes.TrimLeft(body[begin:], ": \t\r\n"); len(at) == 0 || at[0] != '[' {
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		if string(raw) == "null" {
			return web.Need("batch", ""), nil
		}
		return web.Bad("batch", "must be an array of calls"), nil
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	n := 0
	for ; dec.More(); n++ {
		if n >= h.Limits.Batch { // only counted
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
		return web.Bad("batch", "is empty"), nil
	case n > h.Limits.Batch:
		return &web.Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Field: "batch",
			Message: fmt.Sprintf("batch has %d calls; at most %d are accepted at once", n, h.Limits.Batch)}, nil
	}
	return nil, nil
}
