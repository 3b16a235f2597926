package gallery

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// Sample is a customer at the moment of a send.
type Sample struct {
	Name string // for people: who it is
	Vars expr.Vars
	Data map[string]any // of the send
	Odd  bool           // shows what may go wrong

	in func(language string) Sample // the same for a treatment in a language; nil: the customer is a real one
}

// Language is the customer's.
func (s Sample) Language() string {
	language, _ := s.Vars.Customer["language"].(string)
	return language
}

// now is the moment of tabi's own samples: the same each day, so that two galleries can be compared.
var now = time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)

// person is a name as people of a language have it.
type person struct{ first, last, city, country, zone string }

var people = map[string]person{
	"":   {"Hana", "Miller", "Lisbon", "PT", "Europe/Lisbon"},
	"ja": {"花", "佐藤", "東京", "JP", "Asia/Tokyo"},
	"zh": {"美玲", "王", "上海", "CN", "Asia/Shanghai"},
	"ko": {"서연", "김", "서울", "KR", "Asia/Seoul"},
	"de": {"Jürgen", "Groß", "Köln", "DE", "Europe/Berlin"},
	"fr": {"Élodie", "Lefèvre", "Besançon", "FR", "Europe/Paris"},
	"es": {"Íñigo", "Núñez", "Logroño", "ES", "Europe/Madrid"},
	"ar": {"ليلى", "حداد", "بيروت", "LB", "Asia/Beirut"},
}

// Samples are tabi's own sample customers for a message: one who has all that the message reads, and odd ones.
func Samples(m *journey.Message, specs []channel.Spec) []Sample {
	out := samplesFor(readsOf(m, specs))
	if _, has := m.Languages["ja"]; has {
		out = out[:len(out)-1] // the Japanese treatment has a Japanese customer
	}
	return out
}

// samplesFor returns customers who have what is read: a typical one, long values, odd characters, one of whom nothing is known, and a
// Japanese name.
func samplesFor(reads []read) []Sample {
	typical := func(language string) Sample {
		base, _, _ := strings.Cut(strings.ReplaceAll(language, "_", "-"), "-")
		p, ok := people[strings.ToLower(base)]
		if !ok {
			p = people[""]
		}
		s := filled("a typical customer", p, reads, ordinary)
		if language != "" {
			s.Vars.Customer["language"] = language
		}
		return s
	}
	first := typical("")
	first.in = typical
	long := filled("long values", person{"Wolfeschlegelsteinhausenbergerdorff", "Featherstonehaugh-Cholmondeley",
		"Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch", "GB", "Europe/London"}, reads, longer)
	odd := person{`Zoë "Zizi" <b>O'Neill</b> &`, "髙橋 👩‍👩‍👧 (Ñ)", "São Tomé", "ST", "Africa/Sao_Tome"}
	marks := filled("odd characters", odd, reads, ordinary)
	none := Sample{Name: "nothing known", Vars: expr.Vars{Customer: map[string]any{}, Now: now}}
	out := []Sample{first, long, marks, none, filled("a Japanese name", people["ja"], reads, ordinary)}
	for i := range out[1:] {
		out[i+1].Odd = true
	}
	return out
}

// Real returns a real customer as a sample. What the send would add, and is unknown, is made up: data, the event, and the entry where the
// customer never entered a journey that sends the message.
func Real(m *journey.Message, specs []channel.Spec, name string, vars expr.Vars) Sample {
	made := Samples(m, specs)[0]
	s := Sample{Name: name, Vars: vars, Data: made.Data}
	if s.Vars.Entry == nil && len(made.Vars.Entry) > 0 {
		s.Vars.Entry, s.Name = made.Vars.Entry, name+", with an entry that is made up"
	}
	if s.Vars.Event == nil {
		s.Vars.Event = made.Vars.Event
	}
	if s.Vars.Vars == nil {
		s.Vars.Vars = made.Vars.Vars
	}
	if s.Vars.Steps == nil {
		s.Vars.Steps = made.Vars.Steps
	}
	return s
}

// readsOf returns what the treatments of a message read.
func readsOf(m *journey.Message, specs []channel.Spec) []read {
	var out []read
	collect := func(by map[string]journey.Treatment) {
		for _, spec := range specs {
			for _, field := range slices.Sorted(maps.Keys(by[spec.Name])) {
				out = append(out, readsIn(by[spec.Name][field])...)
			}
		}
	}
	for _, part := range slices.Sorted(maps.Keys(m.Parts)) {
		out = append(out, readsIn(m.Parts[part])...)
	}
	collect(m.Treatments)
	for _, variants := range []map[string]map[string]journey.Treatment{m.Tones, m.Languages} {
		for _, name := range slices.Sorted(maps.Keys(variants)) {
			collect(variants[name])
		}
	}
	return out
}

// invent is how a value is made up: of which size.
type invent int

const (
	ordinary invent = iota
	longer
)

// filled returns a customer who has everything that is read.
func filled(name string, p person, reads []read, how invent) Sample {
	tops := map[string]any{
		"customer": map[string]any{
			"first_name": p.first, "last_name": p.last, "name": p.first + " " + p.last,
			"email": "sample@example.com", "phone": "+81312345678", "city": p.city, "country": p.country, "timezone": p.zone,
			"id": "sample",
		},
	}
	for _, r := range reads {
		put(tops, r, how)
	}
	tree := func(root string) map[string]any {
		m, _ := tops[root].(map[string]any)
		return m
	}
	s := Sample{Name: name, Data: tree("data"), Vars: expr.Vars{
		Customer: tree("customer"), Entry: tree("entry"), Event: tree("event"), Vars: tree("vars"), Now: now,
		Steps: map[string]map[string]any{}, Intent: map[string]float64{},
	}}
	for id, v := range tree("steps") {
		if m, ok := v.(map[string]any); ok {
			s.Vars.Steps[id] = m
		}
	}
	for name := range tree("intent") {
		s.Vars.Intent[name] = 0.8
	}
	return s
}

// put puts a value where a template reads one, unless there is one already.
func put(tops map[string]any, r read, how invent) {
	var at any = tops
	for i, name := range r.path {
		last := i == len(r.path)-1
		next := func() any {
			switch {
			case last && r.list:
				return listOf(how)
			case last:
				return valueOf(r.path, r.filter, how)
			case r.path[i+1] == element:
				return listOf(how)
			}
			return map[string]any{}
		}
		switch in := at.(type) {
		case map[string]any:
			was, has := in[name]
			if !has || (!last || r.list) && !holds(was) {
				in[name] = next()
			}
			at = in[name]
		case []any: // the same for each element
			if name != element {
				return
			}
			for j := range in {
				if last {
					continue
				}
				part, ok := in[j].(map[string]any)
				if !ok {
					part = map[string]any{}
					in[j] = part
				}
				rest := r
				rest.path = r.path[i+1:]
				put(part, rest, how)
				vary(part, rest.path, j)
			}
			return
		default:
			return
		}
	}
}

// holds reports whether a value has parts.
func holds(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// listOf returns a list of texts. Where parts of its elements are read, put makes them mappings.
func listOf(how invent) any {
	n := 2
	if how == longer {
		n = 12
	}
	out := make([]any, n)
	for i := range out {
		out[i] = goods[i%len(goods)]
	}
	return out
}

// goods are the names of things in lists.
var goods = []string{"Travel Mug", "Blue Rain Jacket", "Notebook A5", "Desk Lamp"}

// vary gives the elements of a list names of their own.
func vary(part map[string]any, path []string, n int) {
	if len(path) != 1 {
		return
	}
	if text, ok := part[path[0]].(string); ok && text == goods[0] {
		part[path[0]] = goods[n%len(goods)]
	}
}

// valueOf makes up a value by its name, and by the filter that takes it.
func valueOf(path []string, filter string, how invent) any {
	name := strings.ToLower(path[len(path)-1])
	if name == element {
		name = strings.TrimSuffix(strings.ToLower(path[len(path)-2]), "s")
	}
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	number := func(small, large any) any {
		if how == longer {
			return large
		}
		return small
	}
	switch {
	case filter == "date" || filter == "in_zone" || has("date", "deadline", "birthday", "departs", "arrives"),
		strings.HasSuffix(name, "_at") || strings.HasSuffix(name, "_on") || name == "end" || name == "until" || name == "expires":
		return "2026-04-12T18:30:00Z"
	case has("image", "photo", "picture", "logo"):
		return "https://www.example.com/images/sample.png"
	case has("url", "link", "href"):
		return "https://www.example.com/sample"
	case has("email"):
		return "sample@example.com"
	case has("phone"):
		return "+81312345678"
	case has("currency"):
		return "JPY"
	case has("language", "locale"):
		return nil // that of the treatment
	case has("percent", "discount", "rate"):
		return number(15, 33.333)
	case has("total", "price", "amount", "cost", "value", "balance", "points", "sum", "fee"), filter == "money", filter == "number":
		return number(1280, 1234567.89)
	case has("count", "number_of", "quantity", "qty", "tries", "nights", "days", "hours", "score", "left", "asked"),
		slices.Contains([]string{"plus", "minus", "times", "divided_by", "round", "ceil", "floor"}, filter):
		return number(3, 12345)
	case name == "id" || strings.HasSuffix(name, "_id") || has("code", "token"):
		return number("A-1042", "A-1042-0000-0000-0000-0000")
	case has("flight"):
		return "TB 204"
	case name == "from":
		return "Lisbon"
	case name == "to":
		return "Tokyo"
	case name == "first_name", name == "last_name":
		return number("Sam", "Bartholomew-Maximilian")
	case name == "name" || has("title", "product", "item"):
		return number(goods[0], goods[0]+" with a Very Long Name, Limited Edition, Set of Twelve in a Wooden Box")
	case has("is_", "has_"):
		return true
	}
	text := strings.ReplaceAll(name, "_", " ")
	return number(text, strings.Repeat(text+" ", 8))
}
