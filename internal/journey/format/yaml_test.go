package format

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// yamlMap is a mapping with ordered keys.
type yamlMap []yamlField

// yamlField is a key with one of: an inline value, a mapping, a list of mappings. With none of them, the mapping is
// empty.
type yamlField struct {
	key    string
	inline string // YAML
	fields yamlMap
	items  []yamlMap
}

func (m *yamlMap) plain(key, yaml string) { *m = append(*m, yamlField{key: key, inline: yaml}) }

// text adds a string unless it is empty.
func (m *yamlMap) text(key, text string) {
	if text != "" {
		m.plain(key, quoteYAML(text))
	}
}

// expr adds an expression, always in quotes, so that YAML cannot mangle it.
func (m *yamlMap) expr(key string, e expr.Expr) {
	if e != "" {
		m.plain(key, quotedYAML(string(e)))
	}
}

// steps adds a list of steps, which may be empty.
func (m *yamlMap) steps(key string, steps []yamlMap) {
	if len(steps) == 0 {
		m.plain(key, "[]")
		return
	}
	*m = append(*m, yamlField{key: key, items: steps})
}

func (m yamlMap) bytes() []byte {
	var out bytes.Buffer
	m.write(&out, "", "")
	return out.Bytes()
}

// write writes the mapping at an indentation. lead precedes its first key.
func (m yamlMap) write(out *bytes.Buffer, lead, indent string) {
	for _, f := range m {
		out.WriteString(lead + keyYAML(f.key, "\n"+indent))
		lead = indent
		switch {
		case f.inline != "":
			out.WriteString(" " + f.inline + "\n")
		case len(f.fields) > 0:
			out.WriteByte('\n')
			f.fields.write(out, indent+"  ", indent+"  ")
		case len(f.items) > 0:
			out.WriteByte('\n')
			for _, item := range f.items {
				item.write(out, indent+"  - ", indent+"    ")
			}
		default:
			out.WriteString(" {}\n")
		}
	}
}

// maxKey is the maximum length of a simple key, in bytes.
const maxKey = 1000

// keyYAML returns a key with its colon. A key too long for one line is an explicit key, and between separates it from
// the colon.
func keyYAML(key, between string) string {
	text := quoteYAML(key)
	if len(text) > maxKey {
		return "? " + text + between + ":"
	}
	return text + ":"
}

var (
	plainYAML = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*( [A-Za-z0-9_.-]+)*$`)
	otherYAML = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`)
)

// quoteYAML returns a string, without quotes if YAML reads it as the same string.
func quoteYAML(text string) string {
	if plainYAML.MatchString(text) && !otherYAML.MatchString(text) && len(text) <= maxKey {
		return text
	}
	return quotedYAML(text)
}

// quotedYAML returns a string in double quotes.
func quotedYAML(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			out.WriteRune(r)
		case r <= math.MaxUint16:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// wordsYAML returns one string, or a list of strings.
func wordsYAML(words []string) string {
	if len(words) == 1 {
		return quoteYAML(words[0])
	}
	return listYAML(words)
}

func listYAML(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quoteYAML(word)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// numberYAML returns a number that YAML reads as the same number.
func numberYAML(v float64) string {
	switch {
	case v == 0 && math.Signbit(v):
		return "-0.0"
	case math.Abs(v) < 1e15:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// flowYAML returns a JSON value in flow style.
func flowYAML(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return numberYAML(v)
	case string:
		return quotedYAML(v)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = flowYAML(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, keyYAML(key, " ")+" "+flowYAML(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return quotedYAML(fmt.Sprint(value))
}
