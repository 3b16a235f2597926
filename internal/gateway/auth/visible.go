package auth

import (
	"context"
	"reflect"
	"sync"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/human"
)

// Masked is shown in place of personal data to roles without the permission customers.personal.
const Masked = human.Hidden

// Visible returns what the caller of a request may see of v, which pages and the admin API are about to answer with. For a caller without
// the permission customers.personal it is a copy, in which fields with the tag `personal:"mask"` show Masked in place of each text, fields
// with the tag `personal:"drop"` are empty, and types with a method HidePersonal() have been changed by it.
func Visible[T any](ctx context.Context, v T) T {
	caller := PrincipalOf(ctx)
	_, all := any(v).(ofAllCustomers)
	if caller.May(access.CustomersPersonal) && (len(caller.Queues) == 0 || !all) {
		return v
	}
	copied := reflect.New(reflect.TypeFor[T]()).Elem()
	copied.Set(reflect.ValueOf(&v).Elem())
	hide(copied)
	out, _ := copied.Interface().(T)
	return out
}

// ofAllCustomers is a type that shows things of all customers together. An agent of queues sees personal data of their customers only.
type ofAllCustomers interface{ OfAllCustomers() }

// hider is a type that removes its own personal data.
type hider interface{ HidePersonal() }

// hide removes personal data from v, which is addressable.
func hide(v reflect.Value) {
	if v.Kind() == reflect.Interface { // what a page shows
		if !v.IsNil() && hasPersonal(v.Elem().Type()) {
			inner := reflect.New(v.Elem().Type()).Elem()
			inner.Set(v.Elem())
			hide(inner)
			v.Set(inner)
		}
		return
	}
	if !hasPersonal(v.Type()) {
		return
	}
	if v.CanAddr() && v.Addr().CanInterface() {
		if h, ok := v.Addr().Interface().(hider); ok {
			h.HidePersonal()
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			inner := reflect.New(v.Type().Elem())
			inner.Elem().Set(v.Elem())
			hide(inner.Elem())
			v.Set(inner)
		}
	case reflect.Slice:
		inner := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(inner, v)
		for i := range inner.Len() {
			hide(inner.Index(i))
		}
		if !v.IsNil() {
			v.Set(inner)
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		inner := reflect.MakeMap(v.Type())
		for key, value := range v.Seq2() {
			one := reflect.New(value.Type()).Elem()
			one.Set(value)
			hide(one)
			inner.SetMapIndex(key, one)
		}
		v.Set(inner)
	case reflect.Struct:
		for i := range v.NumField() {
			switch field := v.Type().Field(i); {
			case field.Tag.Get("personal") == "drop":
				v.Field(i).SetZero()
			case field.Tag.Get("personal") == "mask":
				mask(v.Field(i))
			case field.IsExported() || field.Anonymous:
				hide(v.Field(i))
			}
		}
	}
}

// mask replaces the texts of a field.
func mask(v reflect.Value) {
	switch {
	case v.IsZero():
	case v.Kind() == reflect.String:
		v.SetString(Masked)
	case v.Type() == reflect.TypeFor[map[string]any]():
		inner := make(map[string]any, v.Len())
		for key := range v.Seq() {
			inner[key.String()] = Masked
		}
		v.Set(reflect.ValueOf(inner))
	default:
		v.SetZero()
	}
}

var personalTypes sync.Map // reflect.Type → whether hasPersonal

// hasPersonal reports whether a value of a type can have personal data, so that nothing else is walked or copied.
func hasPersonal(t reflect.Type) bool {
	known, ok := personalTypes.Load(t)
	if !ok {
		known = findPersonal(t, map[reflect.Type]bool{})
		personalTypes.Store(t, known)
	}
	return known.(bool) //nolint:forcetypeassert // only bools are stored
}

func findPersonal(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	if reflect.PointerTo(t).Implements(reflect.TypeFor[hider]()) {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return findPersonal(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			if field.Tag.Get("personal") != "" || (field.IsExported() || field.Anonymous) && findPersonal(field.Type, seen) {
				return true
			}
		}
	}
	return false
}
