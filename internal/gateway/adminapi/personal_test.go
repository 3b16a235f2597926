package adminapi

import (
	_ "embed"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

//go:embed testdata/not_personal.txt
var notPersonal string

// Each text that the admin API answers with is declared: as personal data by the tag `personal`, which roles without the permission
// customers.personal do not see, or in testdata/not_personal.txt.
func TestEveryAnswerSaysWhatIsPersonal(t *testing.T) {
	t.Parallel()
	h := New(&web.Env{}, Rooms{}, nil, nil, nil, Tests{})
	texts := map[string]bool{} // type and field → personal
	for _, path := range h.doc.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post} {
			if op == nil || !slices.Contains(op.Tags, "admin") {
				continue
			}
			answer := op.Responses["200"].Content["application/json"].Schema
			textsOf(h.doc.Components.Schemas.TypeFromRef(answer.Ref), texts, map[reflect.Type]bool{})
		}
	}
	declared := strings.Fields(notPersonal)
	var missing []string
	for name, personal := range texts {
		if personal == slices.Contains(declared, name) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 || len(texts) < 100 {
		t.Errorf("of %d texts these are undeclared, or declared as both: either the tag `personal:\"mask\"`, or a line of "+
			"testdata/not_personal.txt"+
			"\n%s", len(texts), strings.Join(missing, "\n"))
	}
	for _, name := range declared {
		if _, ok := texts[name]; !ok {
			t.Errorf("testdata/not_personal.txt has %s, which no answer has", name)
		}
	}
}

// textsOf finds the fields that can hold a text.
func textsOf(t reflect.Type, out map[string]bool, seen map[reflect.Type]bool) {
	if t == nil || seen[t] || t == reflect.TypeFor[time.Time]() {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		textsOf(t.Elem(), out, seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				continue
			}
			if holdsText(f.Type) {
				out[t.Name()+"."+f.Name] = f.Tag.Get("personal") != ""
			}
			textsOf(f.Type, out, seen)
		}
	}
}

func holdsText(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice:
		return holdsText(t.Elem())
	case reflect.Map:
		return holdsText(t.Elem()) || holdsText(t.Key())
	}
	return false
}
