package tolerant

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// ErrCharset is returned for a text in a charset that nobody knows.
var ErrCharset = errors.New("the charset is unknown, and the text is not UTF-8")

// UTF8 returns a text in UTF-8, without a byte-order mark, and whether it was converted. A mark wins over the charset; a text that is
// not in the charset it claims (or in UTF-8, where it claims none) gets U+FFFD in place of each wrong byte.
func UTF8(data []byte, charset string) (out []byte, changed bool, err error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		out, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Bytes(data)
		return out, true, err
	}
	if marked, ok := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); ok {
		data, charset = marked, ""
	}
	name := strings.ToLower(strings.Trim(charset, ` "'`))
	if name != "" && name != "utf-8" && name != "utf8" && name != "us-ascii" && name != "ascii" {
		enc, unknown := htmlindex.Get(name)
		switch {
		case unknown != nil && !utf8.Valid(data):
			return nil, false, ErrCharset
		case unknown == nil:
			if out, err := enc.NewDecoder().Bytes(data); err == nil {
				return out, !bytes.Equal(out, data), nil
			}
		}
	}
	if utf8.Valid(data) {
		return data, false, nil
	}
	return bytes.ToValidUTF8(data, []byte("\uFFFD")), true, nil
}

// LooksLikeJSON reports whether a text begins as a JSON object or list.
func LooksLikeJSON(data []byte) bool {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

// Decode decodes one JSON value; its numbers are json.Number.
func Decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrTrailing
	}
	return value, nil
}

// ErrTrailing is returned for a JSON value with something after it.
var ErrTrailing = errors.New("unexpected data after the object")

// Escape returns a JSON text in which raw control characters in strings are escaped, as JSON wants them, and the numbers that JSON
// cannot write, which Python and R write as NaN and Infinity, are marked for a Reader; the same text if it has neither.
func Escape(data []byte) []byte {
	var out []byte
	inString, escaped, from := false, false, 0
	for i, c := range data {
		switch {
		case i < from: // in a word that is replaced
		case !inString:
			inString = c == '"'
			if c != 'N' && c != 'I' && c != '-' {
				continue
			}
			for _, word := range notNumbers {
				if bytes.HasPrefix(data[i:], word) {
					out, from = append(append(out, data[from:i]...), notANumber...), i+len(word)
					break
				}
			}
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			inString = false
		case c < 0x20:
			const hex = "0123456789abcdef"
			out = append(append(out, data[from:i]...), '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			from = i + 1
		}
	}
	if out == nil {
		return data
	}
	return append(out, data[from:]...)
}

// notNumbers are what some senders write for a number that JSON cannot write.
var notNumbers = [][]byte{[]byte("NaN"), []byte("Infinity"), []byte("-Infinity"), []byte("-NaN")}

// notANumber is a number that nobody writes. Escape puts it in place of one that JSON cannot write, so that a Reader can say so.
const notANumber = "-0e99999"
