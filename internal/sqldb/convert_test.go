package sqldb

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Normal returns what will be read back, for every kind of value.
func TestNormalValueIsReadBackUnchanged(t *testing.T) {
	t.Parallel()
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		plain := []*rapid.Generator[any]{
			rapid.String().
				AsAny(),
			rapid.Float64Range(-1e300, 1e300).
				AsAny(),
			rapid.Bool().AsAny(), rapid.Just[any](nil), rapid.Int().AsAny(), rapid.Int64().AsAny(),
			rapid.Just[any](
				"broken \xff text",
			), rapid.Just[any](json.Number("12.50")), rapid.Just[any](map[string]any(nil)), rapid.Just[any]([]any(nil)),
			rapid.Just[any]([]string{"a"}),
		}
		if depth == 0 {
			return rapid.OneOf(plain...)
		}
		keys := rapid.OneOf(rapid.String(), rapid.Just("k\xfe"))
		return rapid.OneOf(append(plain, rapid.SliceOfN(value(depth-1), 0, 3).AsAny(), rapid.MapOfN(keys, value(depth-1), 0, 3).AsAny())...)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOfN(rapid.String(), value(3), 0, 4).Draw(t, "object")
		got, raw, err := Normal(m)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Object(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s reads back otherwise:\n%s", raw, diff)
		}
	})
}
