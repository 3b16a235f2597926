package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"
)

// oddCall writes a call as some client libraries do. The event that comes of it must be the same.
func oddCall(r *rand.Rand, call map[string]any) {
	switch r.IntN(6) {
	case 0: // PHP writes an empty object as a list
		call["context"], call["integrations"] = []any{}, []any{}
	case 1:
		call["type"] = strings.ToUpper(call["type"].(string))
	case 2: // epoch, in seconds or milliseconds
		if at, ok := call["timestamp"].(string); ok {
			moment, _ := time.Parse(time.RFC3339Nano, at)
			call["timestamp"] = moment.Unix()
			if r.IntN(2) == 0 {
				call["timestamp"] = moment.UnixMilli()
			}
		}
	case 3:
		if at, ok := call["timestamp"].(string); ok {
			moment, _ := time.Parse(time.RFC3339Nano, at)
			call["timestamp"] = moment.UTC().Format("2006-01-02 15:04:05")
		}
	case 4:
		call["context"] = map[string]any{"traits": []any{}, "device": map[string]any{"type": "ios"}, "library": "chaos"}
	case 5:
		call["channel"], call["unknown"] = 7, nil
	}
}

// junk returns a call that must be refused, and must not cost its neighbors in the batch.
func junk(r *rand.Rand) any {
	switch r.IntN(8) {
	case 0:
		return map[string]any{"type": "track", "event": "Nobody"}
	case 1:
		return map[string]any{"type": "track", "userId": "undefined", "event": "Nobody"}
	case 2:
		return map[string]any{"type": "track", "anonymousId": "[object Object]", "event": "Nobody"}
	case 3:
		return map[string]any{"type": "track", "userId": "customer-00000"}
	case 4:
		return map[string]any{"type": "track", "userId": "customer-00000", "event": strings.Repeat("x", 300)}
	case 5:
		large := map[string]any{"q": strings.Repeat("x", 40<<10)}
		return map[string]any{"type": "track", "userId": "customer-00000", "event": "Too Large", "properties": large}
	case 6:
		return "a text in place of a call"
	}
	return nil
}

// oddBody writes a body as some client libraries do, and sets its headers.
func oddBody(r *rand.Rand, body []byte, set func(name, value string)) []byte {
	switch r.IntN(5) {
	case 0: // a byte-order mark
		return append([]byte("\xef\xbb\xbf"), body...)
	case 1:
		set("Content-Type", "application/json; charset=UTF8")
	case 2: // navigator.sendBeacon
		set("Content-Type", "text/plain;charset=UTF-8")
	case 3: // RudderStack's library for Node
		set("Content-Type", "application/x-www-form-urlencoded")
		set("Content-Encoding", "gzip")
		return zipped(body)
	case 4:
		set("Content-Encoding", "gzip")
		return zipped(body)
	}
	return body
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

// refusals returns the indexes of the calls of a batch that the gateway refused.
func refusals(answer []byte) (indexes []int, err error) {
	var got struct {
		Rejected []struct{ Index int }
	}
	err = json.Unmarshal(answer, &got)
	for _, r := range got.Rejected {
		indexes = append(indexes, r.Index)
	}
	return indexes, err
}
