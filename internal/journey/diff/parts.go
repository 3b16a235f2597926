package diff

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// parts are the values of a definition or step under the names that designers use, without the targets of its arms.
type parts struct {
	fields []part
	lists  []partList
	arms   []partArm

	ownNames bool // use the names of the JSON: of rules
}

// part is one value. Absent values and zero values have no part.
type part struct{ name, value string }

// partList is a list whose items are compared individually: arms, rules, assignments.
type partList struct {
	name  string
	items []partItem
}

// partItem is an item of a list. Its key identifies it within the list.
type partItem struct{ key, text string }

// partArm is the start of an arm.
type partArm struct {
	key   string
	first int
}

// partNames maps JSON names to those that designers use, where they differ.
var partNames = map[string]string{
	"events":   "event",
	"duration": "wait",
	"assign":   "set",
	"message":  "send",
	"group":    "decide",
	"actions":  "decide",
	"replies":  "arms",
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	levelType    = reflect.TypeFor[*journey.Level]()
)

// partsOf reads a value by its type. By the convention of all specs, an int is the start of an arm.
func partsOf(v any) *parts {
	p := &parts{}
	p.read("", reflect.ValueOf(v))
	return p
}

// stepParts returns the parts of a step, without its id, its place and its name for people.
func stepParts(s *journey.Step) *parts {
	p := partsOf(s.Spec)
	p.add("when", string(s.When))
	return p
}

func (p *parts) add(name, value string) {
	if value != "" {
		p.fields = append(p.fields, part{name, value})
	}
}

func (p *parts) read(name string, v reflect.Value) {
	switch {
	case !v.IsValid():
	case v.Type() == levelType:
		p.level(v.Interface().(*journey.Level))
	case v.Type() == durationType:
		if v.Int() != 0 {
			p.add(name, human.Duration(time.Duration(v.Int())))
		}
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			p.read(name, v.Elem())
		}
	case v.Kind() == reflect.Struct:
		p.readStruct(name, v)
	case v.Kind() == reflect.Map:
		for _, key := range sortedKeys(v) {
			if inner := v.MapIndex(reflect.ValueOf(key)); inner.Type() == reflect.TypeFor[*int]() {
				p.arms = append(p.arms, partArm{name + "." + key, int(inner.Elem().Int())})
			} else {
				p.read(name+"."+key, inner)
			}
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		p.readList(name, v)
	default:
		p.add(name, valueText(v))
	}
}

func sortedKeys(m reflect.Value) []string {
	var keys []string
	for _, key := range m.MapKeys() {
		keys = append(keys, key.String())
	}
	slices.Sort(keys)
	return keys
}

// readStruct reads the fields under their JSON names. It skips the index in a go_to, whose target is already a part.
func (p *parts) readStruct(prefix string, v reflect.Value) {
	var shared []partArm // of a question, which may share another arm's steps: the arm that owns them comes first
	defer func() { p.arms = append(p.arms, shared...) }()
	for i := range v.NumField() {
		name := partName(v.Type().Field(i), p.ownNames)
		if prefix != "" {
			name = prefix + "." + name
		}
		switch f := v.Field(i); {
		case name == "to":
		case name == "question": // the fields of a question are at the level of the replies
			ask := f.Interface().(journey.Send)
			p.add("ask", ask.Message)
			ask.Message = ""
			asked := partsOf(ask)
			p.fields, shared = append(p.fields, asked.fields...), asked.arms
		case name == "choose":
			if f.Bool() {
				p.add("send", "false")
			}
		case f.Kind() == reflect.Int && p.ownNames: // in rules it is a number
			p.add(name, strconv.FormatInt(f.Int(), 10))
		case f.Kind() == reflect.Int:
			p.arms = append(p.arms, partArm{name, int(f.Int())})
		default:
			p.read(name, f)
		}
	}
}

// level adds a threshold as one value.
func (p *parts) level(l *journey.Level) {
	switch {
	case l == nil:
	case l.Above != nil:
		p.add("intent", l.Intent+" above "+number(*l.Above))
	case l.Below != nil:
		p.add("intent", l.Intent+" below "+number(*l.Below))
	}
}

func partName(f reflect.StructField, own bool) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if own && name != "events" {
		return name
	}
	if other, ok := partNames[name]; ok {
		return other
	}
	return name
}

// readList reads the items, and the starts of the arms among them.
func (p *parts) readList(name string, v reflect.Value) {
	list := partList{name: name}
	for i := range v.Len() {
		var item partItem
		switch it := v.Index(i).Interface().(type) {
		case journey.Assignment:
			item = partItem{it.Target + "." + it.Name, string(it.Value)}
		case journey.SplitArm:
			item = partItem{it.Name, "weight " + number(it.Weight)}
			if it.Name != "" {
				item.text += ", name " + it.Name
			}
		default:
			inner := &parts{ownNames: p.ownNames}
			inner.read("", reflect.ValueOf(it))
			item.text = inner.text(", ")
			item.key = item.text
		}
		if !p.ownNames {
			for _, arm := range partsOf(v.Index(i).Interface()).arms {
				p.arms = append(p.arms, partArm{armKey(i), arm.first})
			}
		}
		list.items = append(list.items, item)
	}
	p.lists = append(p.lists, list)
}

// armKey names the arm at index i of a list.
func armKey(i int) string { return journey.ArmLabel(journey.ArmNumber(i)) }

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// valueText formats a value on one line. Absent values are empty.
func valueText(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Float64:
		return number(v.Float())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			words := make([]string, v.Len())
			for i := range words {
				words[i] = v.Index(i).String()
			}
			return strings.Join(words, ", ")
		}
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return ""
	}
	return string(raw)
}

// text returns all parts except the arms.
func (p *parts) text(between string) string {
	var out []string
	for _, f := range p.fields {
		out = append(out, f.name+" "+f.value)
	}
	for _, list := range p.lists {
		for _, item := range list.items {
			out = append(out, strings.TrimSuffix(list.name, "s")+" "+item.key+": "+item.text)
		}
	}
	return strings.Join(out, between)
}

// alike returns the share of parts that two steps of one kind have in common, 0…1.
func alike(a, b *parts) float64 {
	lines := func(p *parts) []string { return strings.Split(p.text("\x00"), "\x00") }
	x, y := lines(a), lines(b)
	if slices.Equal(x, y) {
		return 1
	}
	common := 0
	for _, line := range x {
		if slices.Contains(y, line) {
			common++
		}
	}
	return float64(common) / float64(max(len(x), len(y)))
}

// partChanges returns the parts that differ.
func partChanges(old, new *parts) []Change {
	var out []Change
	value := func(p *parts, name string) string {
		if i := slices.IndexFunc(p.fields, func(f part) bool { return f.name == name }); i >= 0 {
			return p.fields[i].value
		}
		return ""
	}
	for _, f := range old.fields {
		if now := value(new, f.name); now != f.value {
			out = append(out, Change{f.name, f.value, now})
		}
	}
	for _, f := range new.fields {
		if value(old, f.name) == "" {
			out = append(out, Change{f.name, "", f.value})
		}
	}
	names := map[string]bool{}
	for _, list := range slices.Concat(old.lists, new.lists) {
		if !names[list.name] {
			names[list.name] = true
			out = append(out, listChanges(list.name, old.list(list.name), new.list(list.name))...)
		}
	}
	return out
}

func (p *parts) list(name string) []partItem {
	for _, list := range p.lists {
		if list.name == name {
			return list.items
		}
	}
	return nil
}

// pairing pairs an old item with a new one; -1 means none.
type pairing struct{ old, new int }
