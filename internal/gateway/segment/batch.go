package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// batch is the body of /v1/batch, decoded only once: decoding is the gateway's largest cost of a call.
type batch struct {
	calls   []any // numbers are json.Number
	sizes   []int // of the calls, in bytes
	sentAt  any
	context any // what all calls share
}

// repaired decodes a body and, if it is no JSON, once more as tolerant.Escape mends it.
func repaired[T any](body []byte, read func([]byte) (T, *web.Error)) (T, *web.Error) {
	out, f := read(body)
	if f != nil && f.Code == "malformed_json" {
		if mended := tolerant.Escape(body); !bytes.Equal(mended, body) {
			if again, bad := read(mended); bad == nil || bad.Code != "malformed_json" {
				return again, bad
			}
		}
	}
	return out, f
}

// decode decodes the body of a single call.
func decode(body []byte) (any, *web.Error) {
	return repaired(body, func(body []byte) (any, *web.Error) {
		value, err := tolerant.Decode(body)
		switch {
		case errors.Is(err, tolerant.ErrTrailing):
			return nil, trailing()
		case err != nil:
			return nil, web.BadJSON("", err)
		}
		return value, nil
	})
}

func trailing() *web.Error {
	return &web.Error{Status: http.StatusBadRequest, Code: "malformed_json", Message: "malformed JSON: unexpected data after the object"}
}

// readBatch decodes a batch. The content of its calls is not checked yet.
func (h *Handlers) readBatch(body []byte) (*batch, *web.Error) { return repaired(body, h.decodeBatch) }

func (h *Handlers) decodeBatch(body []byte) (*batch, *web.Error) {
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
		case "context":
			b.context = nil
			err = dec.Decode(&b.context)
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
		return nil, trailing()
	}
	if !given {
		f = web.Need("batch", "")
	}
	return &b, f
}

// readCalls decodes the list of calls. An error in the list is reported only after the whole body turned out to be JSON.
func (h *Handlers) readCalls(dec *json.Decoder, body []byte, b *batch) (*web.Error, error) {
	begin := dec.InputOffset()
	if at := bytes.TrimLeft(body[begin:], ": \t\r\n"); len(at) == 0 || at[0] != '[' {
		return readNumbered(dec, h.Limits.Batch, b)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	n := 0
	for ; dec.More(); n++ {
		if n >= h.Limits.Batch { // only counted
			var raw json.RawMessage
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
	return tooMany(n, h.Limits.Batch), nil
}

func tooMany(n, limit int) *web.Error {
	if n <= limit {
		return nil
	}
	return web.TooLarge("batch", fmt.Sprintf("batch has %d calls; at most %d are accepted at once", n, limit))
}

// readNumbered reads what PHP makes of a list from which elements were removed: an object with the numbers of those that are left.
func readNumbered(dec *json.Decoder, limit int, b *batch) (*web.Error, error) {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return nil, err
	}
	if string(raw) == "null" {
		return web.Need("batch", ""), nil
	}
	var numbered map[int]json.RawMessage
	if err := json.Unmarshal(raw, &numbered); err != nil {
		return web.Bad("batch", "must be an array of calls"), nil
	}
	for _, i := range slices.Sorted(maps.Keys(numbered))[:min(len(numbered), limit)] {
		one, err := tolerant.Decode(numbered[i])
		if err != nil {
			return nil, err
		}
		b.calls, b.sizes = append(b.calls, one), append(b.sizes, len(numbered[i]))
	}
	return tooMany(len(numbered), limit), nil
}
