package diff

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// parts are the values of a definition or step under the keys that designers use, without the targets of its arms.
type parts struct {
	fields []part
	lists  []partList
	arms   []partArm

	kind   string          // of the step; empty: not of a step
	target map[*int]string // the places in a spec where its arms start → their names
	item   string          // the name of arms that start in this item of a list; empty: not in a list
	isArms bool            // an arm starts in it
}

// part is one value. Absent values and zero values have no part.
type part struct{ name, value string }

// partList is a list whose items are compared individually: arms, rules, assignments.
type partList struct {
	name   string
	items  []partItem
	isArms bool // an arm starts in each item
}

// partItem is an item of a list. Its key identifies it within the list.
type partItem struct{ key, text string }

// partArm is the start of an arm.
type partArm struct {
	key   string
	first int
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	levelType    = reflect.TypeFor[*journey.Level]()
)

// partsOf reads a value by its type. A field has the key that its tag `key` names, otherwise its JSON name.
func partsOf(v any) *parts {
	p := &parts{}
	p.read("", reflect.ValueOf(v))
	return p
}

// stepParts returns the parts of a step, without its id, its place and its name for people. Its arms are in the order of
// the description, so that steps which several arms share belong to the arm that has them.
func stepParts(s *journey.Step) *parts {
	spec := s.Describe()
	p := &parts{kind: s.Kind, target: map[*int]string{}}
	for _, arm := range spec.Arms {
		if arm.To != nil && spec.Jump == "" {
			p.target[arm.To] = arm.Key
		}
	}
	p.read("", reflect.ValueOf(s.Spec))
	for _, arm := range spec.Arms {
		if name, ok := p.target[arm.To]; ok {
			p.arms = append(p.arms, partArm{name, *arm.To})
		}
	}
	p.add("when", string(s.When))
	return p
}

// isArm reports whether v is the place where an arm starts, and names the arm.
func (p *parts) isArm(v reflect.Value, name string) bool {
	if v.Kind() == reflect.Int && v.CanAddr() {
		v = v.Addr()
	}
	to, ok := reflect.TypeAssert[*int](v)
	if _, known := p.target[to]; !ok || !known {
		return false
	}
	p.target[to], p.isArms = cmp.Or(p.item, name), true
	return true
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
		p.add("intent", v.Interface().(*journey.Level).Words())
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
			if inner := v.MapIndex(reflect.ValueOf(key)); !p.isArm(inner, name+"."+key) {
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

// readStruct reads the fields.
func (p *parts) readStruct(prefix string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		name, fixed := fieldKey(v.Type().Field(i))
		switch {
		case name == "-":
			continue
		case prefix != "":
			name = prefix + "." + name
		}
		switch {
		case p.isArm(f, name):
		case p.isInner(f):
			p.readInner(f)
		case fixed != "":
			if f.Bool() {
				p.add(name, fixed)
			}
		case f.Kind() == reflect.Int:
			p.add(name, strconv.FormatInt(f.Int(), 10))
		default:
			p.read(name, f)
		}
	}
}

// fieldKey returns the key of a field and, for a flag that is written as one value of a key, that value.
func fieldKey(f reflect.StructField) (name, fixed string) {
	if tag, ok := f.Tag.Lookup("key"); ok {
		name, fixed, _ = strings.Cut(tag, ": ")
		return name, fixed
	}
	name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
	return name, ""
}

// isInner reports whether a field is a whole spec, as the send of an ask.
func (p *parts) isInner(f reflect.Value) bool {
	if p.kind == "" || !f.CanAddr() {
		return false
	}
	_, ok := reflect.TypeAssert[journey.Spec](f.Addr())
	return ok
}

// readInner reads a spec within a spec, whose fields are written next to those of the outer one. The kind of the outer
// one takes the place of its own: an ask says `ask: cart-reminder` where a send says `send: cart-reminder`.
func (p *parts) readInner(f reflect.Value) {
	spec, _ := reflect.TypeAssert[journey.Spec](f.Addr())
	inner := &parts{kind: spec.Kind(), target: p.target}
	inner.read("", f)
	for _, one := range inner.fields {
		if one.name == inner.kind {
			one.name = p.kind
		}
		p.fields = append(p.fields, one)
	}
	p.lists = append(p.lists, inner.lists...)
}

// readList reads the items. Those in which arms start are the list's arms, counted from 1.
func (p *parts) readList(name string, v reflect.Value) {
	list := partList{name: name}
	for i := range v.Len() {
		inner := &parts{kind: p.kind, target: p.target, item: armKey(i)}
		inner.read("", v.Index(i))
		list.isArms = list.isArms || inner.isArms
		item := partItem{text: inner.text(", ")}
		item.key = item.text
		if one, ok := reflect.TypeAssert[journey.Item](v.Index(i)); ok {
			item.key, item.text = one.Item()
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
			out = append(out, listChanges(list.name, list.isArms, old.list(list.name), new.list(list.name))...)
		}
	}
	return out
}

// armList returns the items in which arms start.
func (p *parts) armList() []partItem {
	for _, list := range p.lists {
		if list.isArms {
			return list.items
		}
	}
	return nil
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
