package channel

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Spec describes a channel to the journey language: what a message file may say for it, and what a send needs.
// Lint, the JSON schemas, the decisions and the senders of a build all read the same specs.
type Spec struct {
	// Name is the channel's name in YAML: `via: [email, pigeon]`, and the key of its treatment in a message file.
	Name string
	// Doc is one sentence for editors and the manual.
	Doc string
	// Fields are the keys of a treatment.
	Fields []Field
	// Address is the customer trait that holds the address. Empty: the channel needs none.
	Address string
	// Any lets the channel take the treatment of any other channel, as `log` does.
	Any bool
	// KeepsContent has tabi keep what was rendered in the ledger, where an app of the customer reads it over HTTP.
	// The first such channel is the one of a decision that names no channel.
	KeepsContent bool
	// Tracks lets tabi replace the web addresses in the treatment by tracked links: in html and text, and in a field link.
	// The channel gets them as if the designer had written them.
	Tracks bool
	// Sessions has tabi remember when a customer last wrote from an address, as Message.Wrote: to who has written lately, the channel
	// sends the field text alone, and to others all fields but that one.
	Sessions bool
}

// Field is a key of a channel's treatment.
type Field struct {
	Name     string
	Doc      string // one sentence for editors
	Required bool
	Or       string // a required field may be missing where this one is present
	HTML     bool   // inserted values are escaped
	Form     Form   // how a text is written; default: Liquid
	// Texts makes the value a list of texts, and Items a list of mappings with these fields. A treatment and a rendered message have each
	// text of a list under a name of its own, counted from 1: values.1, buttons.2.title. Texts and Items of package channel read
	// them.
	Texts bool
	Items []Field
	Max   int // the most items of a list, or the most characters of a text; 0: no limit
}

// Form is how a text of a treatment is written, and what a channel gets of it.
type Form int

// The forms of a text.
const (
	FormLiquid Form = iota // Liquid; a channel gets it rendered
	FormLayout             // the name of a layout of the field html, in messages/_layouts; a channel does not get it
	FormSender             // a mail address, or Name <address>; Liquid. What comes out as no address is left out
	FormMJML               // MJML in place of the field html, which it is compiled to at publish; a channel gets html
)

// Field returns the field that a name in a treatment is of: text, values.1 or buttons.2.title.
func (s Spec) Field(name string) (f Field, ok bool) {
	list, inner, _ := strings.Cut(name, ".")
	_, item, _ := strings.Cut(inner, ".")
	for _, f = range s.Fields {
		if f.Name != list {
			continue
		}
		for _, one := range f.Items {
			if one.Name == item {
				return one, true
			}
		}
		return f, len(f.Items) == 0
	}
	return Field{}, false
}

// ItemName returns the name in a treatment of a text of a list. n counts from 1; field is empty in a list of texts.
func ItemName(list string, n int, field string) string {
	name := list + "." + strconv.Itoa(n)
	if field != "" {
		name += "." + field
	}
	return name
}

// Texts returns the texts of a list of a treatment, in order.
func Texts(fields map[string]string, list string) []string {
	var out []string
	for n := 1; ; n++ {
		text, ok := fields[ItemName(list, n, "")]
		if !ok {
			return out
		}
		out = append(out, text)
	}
}

// Items returns the mappings of a list of a treatment, in order.
func Items(fields map[string]string, list string) []map[string]string {
	byNumber := map[int]map[string]string{}
	for name, text := range fields {
		rest, ok := strings.CutPrefix(name, list+".")
		number, field, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(number)
		if !ok || field == "" || err != nil {
			continue
		}
		if byNumber[n] == nil {
			byNumber[n] = map[string]string{}
		}
		byNumber[n][field] = text
	}
	out := make([]map[string]string, 0, len(byNumber))
	for _, n := range slices.Sorted(maps.Keys(byNumber)) {
		out = append(out, byNumber[n])
	}
	return out
}

// names are names as the journey language has them.
var names = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate reports what is wrong with a spec.
func (s Spec) Validate() error {
	if !names.MatchString(s.Name) {
		return errors.New("the name must be lower-case letters, digits and _")
	}
	if len(s.Fields) == 0 && !s.Any {
		return errors.New("a channel needs a field, or Any")
	}
	return validFields(s.Fields)
}

func validFields(fields []Field) error {
	seen := map[string]bool{}
	for _, f := range fields {
		switch {
		case !names.MatchString(f.Name):
			return fmt.Errorf("field %q: the name must be lower-case letters, digits and _", f.Name)
		case seen[f.Name]:
			return fmt.Errorf("field %q is listed twice", f.Name)
		case f.Texts && len(f.Items) > 0:
			return fmt.Errorf("field %q: a list has Texts or Items", f.Name)
		}
		seen[f.Name] = true
		for _, inner := range f.Items {
			if inner.Texts || len(inner.Items) > 0 {
				return fmt.Errorf("field %q: a list within a list is not possible", f.Name)
			}
		}
		if err := validFields(f.Items); err != nil {
			return err
		}
	}
	for _, f := range fields {
		switch {
		case f.Or != "" && !seen[f.Or]:
			return fmt.Errorf("field %q: there is no field %q to stand in for it", f.Name, f.Or)
		case (f.Form == FormLayout || f.Form == FormMJML) && !seen["html"]:
			return fmt.Errorf("field %q: there is no field html that it is about", f.Name)
		}
	}
	return nil
}

// KeepingContent returns the names of the channels whose content tabi keeps, in the order of specs.
func KeepingContent(specs []Spec) []string {
	var out []string
	for _, s := range specs {
		if s.KeepsContent {
			out = append(out, s.Name)
		}
	}
	return out
}
