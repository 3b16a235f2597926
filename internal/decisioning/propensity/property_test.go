package propensity

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var anyFeature = rapid.Custom(func(t *rapid.T) Feature {
	return Feature{
		Name: rapid.SampledFrom([]string{"age", "tier", "intent.purchase", "",
			"a name that is longer than what a model keeps of names: ああああああああああああああ"}).
			Draw(t, "name"),
		Number: rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1),
			math.MaxFloat64})).
			Draw(t, "number"),
		Symbol:   rapid.SampledFrom([]string{"", "gold", "tin", "銅"}).Draw(t, "symbol"),
		IsNumber: rapid.Bool().Draw(t, "is number"),
	}
})

type outcome struct {
	features Features
	accepted bool
}

func outcomes(t *rapid.T) []outcome {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) outcome {
		return outcome{rapid.SliceOfN(anyFeature, 0, 6).Draw(t, "features"), rapid.Bool().Draw(t, "accepted")}
	}), 0, 60).Draw(t, "outcomes")
}

// Whatever is told: estimates are chances, explanations add up, the binary form loses nothing, a set says the
// same, and the order of features does not matter.
func TestWhateverIsTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := Start{
			Propensity: rapid.Float64().Draw(t, "propensity"),
			Evidence:   rapid.Float64Range(0, 100).Draw(t, "evidence"),
			HalfLife:   rapid.SampledFrom([]float64{0, 0.01, 3, 1000, math.Inf(1)}).Draw(t, "half-life"),
		}
		told := outcomes(t)
		m, other := New(start), New(start)
		for _, o := range told {
			m.Learn(o.features, o.accepted)
			turned := slices.Clone(o.features)
			slices.Reverse(turned)
			other.Learn(turned, o.accepted)
		}
		data, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := other.MarshalBinary(); !bytes.Equal(data, again) {
			t.Fatal("features in another order make another model")
		}
		if most := MaxSize(len(m.predictors)); len(data) > most {
			t.Fatalf("%d bytes, at most %d", len(data), most)
		}
		var read Model
		if err := read.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		asked := Features(rapid.SliceOfN(anyFeature, 0, 6).Draw(t, "asked"))
		e := m.Estimate(asked)
		if !(e.Propensity > 0 && e.Propensity < 1 && e.Evidence > 0 && e.Performance >= 0.5 && e.Performance <= 1 && e.Positives >= 0) {
			t.Fatalf("estimate %+v", e)
		}
		if got := read.Estimate(asked); got != e {
			t.Fatalf("read back it says %+v, was %+v", got, e)
		}
		if got := NewSet(New(Start{}), m).Prepare(asked).Estimate(1); got != e {
			t.Fatalf("in a set it says %+v, was %+v", got, e)
		}
		sum := m.Base()
		for _, c := range m.Explain(asked) {
			sum += c.LogOdds
		}
		if score := m.score(asked.values(nil)); math.Abs(sum-score) > 1e-9 {
			t.Fatalf("contributions add up to %v, the score is %v", sum, score)
		}
		read.Learn(asked, true)
		m.Learn(asked, true)
		x, _ := read.MarshalBinary()
		if y, _ := m.MarshalBinary(); !bytes.Equal(x, y) {
			t.Fatal("read back it learns otherwise")
		}
	})
}

func TestPoolRises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var blocks []block
		all := 0.0
		for i, n := range rapid.SliceOfN(rapid.IntRange(1, 500), 1, 40).Draw(t, "sizes") {
			pos := rapid.IntRange(0, n).Draw(t, "pos")
			blocks = append(blocks, block{float64(pos), float64(n - pos), float64(i)/4 - 5})
			all += float64(n)
		}
		line := follow(blocks, rapid.SampledFrom([]float64{1, 200}).Draw(t, "weight"))
		last, sum := math.Inf(-1), 0.0
		for _, b := range pool(blocks, line) {
			v := line.value(b)
			if !(v > last && v > 0 && v < 1) {
				t.Fatalf("%v follows %v", v, last)
			}
			last, sum = v, sum+b.pos+b.neg
		}
		if math.Abs(sum-all) > 1e-6 {
			t.Fatalf("%v outcomes became %v", all, sum)
		}
	})
}

// A number's bins never overlap, stay in order and lose no outcome.
func TestBins(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := New(Start{HalfLife: math.Inf(1)})
		told := rapid.SliceOfN(rapid.Float64Range(-100, 100), 1, 300).Draw(t, "numbers")
		for i, x := range told {
			m.Learn(Features{Number("x", x)}, i%3 == 0)
		}
		p := &m.predictors[0]
		var mass float32
		for i, b := range p.bins {
			if b.lo > b.hi || b.mean < b.lo || b.mean > b.hi || i > 0 && b.lo <= p.bins[i-1].hi {
				t.Fatalf("bin %d of %+v", i, p.bins)
			}
			mass += b.mass()
		}
		if len(p.bins) > maxBins || math.Abs(float64(mass)-float64(len(told))) > 0.01 {
			t.Fatalf("%d bins hold %v of %d outcomes", len(p.bins), mass, len(told))
		}
	})
}

// Names come and go; those that are common are kept apart, and the model stays small.
func TestManyNames(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	m := New(Start{})
	for i := range 3000 {
		f := Features{Symbol("id", string(rune(0x4e00+i%2000)))}
		if i%4 == 0 {
			f = Features{Symbol("id", "common")}
		}
		m.Learn(f, r.Float64() < map[bool]float64{true: 0.6, false: 0.1}[i%4 == 0])
	}
	common, rare, unseen := m.Estimate(
		Features{Symbol("id", "common")},
	), m.Estimate(
		Features{Symbol("id", "丁")},
	), m.Estimate(
		Features{Symbol("id", "never")},
	)
	if common.Propensity < 0.5 || rare.Propensity > 0.2 || unseen.Propensity > 0.2 {
		t.Errorf("common %.3f, rare %.3f, unseen %.3f", common.Propensity, rare.Propensity, unseen.Propensity)
	}
	for i := range 2 * MaxPredictors {
		m.Learn(Features{Number(string(rune(0x4e00+i)), 1)}, false)
	}
	data, _ := m.MarshalBinary()
	if len(m.predictors) > MaxPredictors || len(data) > MaxSize(MaxPredictors) {
		t.Errorf("%d predictors, %d bytes", len(m.predictors), len(data))
	}
	if MaxSize(100) > 64<<10 {
		t.Errorf("100 predictors may take %d bytes", MaxSize(100))
	}
}

// Five copies of each predictor say little more than one: the regression shares the weight among them.
func TestCopies(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	one, five := New(Start{}), New(Start{})
	var a, b float64
	for i := range 6000 {
		x, y := r.NormFloat64(), r.NormFloat64()
		f := Features{Number("x", x), Number("y", y)}
		g := slices.Clone(f)
		for _, copied := range []string{"x1", "x2", "x3", "x4"} {
			g = append(g, Number(copied, x))
		}
		yes := r.Float64() < sigmoid(-1+x+y)
		if i >= 2000 {
			loss := func(p float64) float64 {
				if !yes {
					p = 1 - p
				}
				return -math.Log(p) / 4000
			}
			a, b = a+loss(one.Estimate(f).Propensity), b+loss(five.Estimate(g).Propensity)
		}
		one.Learn(f, yes)
		five.Learn(g, yes)
	}
	if b > a+0.005 {
		t.Errorf("log loss %.4f, with copies %.4f", a, b)
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	m := taught(1, 6, 50)
	data, _ := m.MarshalBinary()
	for n := range data {
		if err := new(Model).UnmarshalBinary(data[:n]); err == nil {
			t.Fatalf("%d of %d bytes are taken for a model", n, len(data))
		}
	}
	other := slices.Clone(data)
	for i := range other {
		other[i] ^= 1
		if err := new(Model).UnmarshalBinary(other); err == nil {
			t.Fatalf("a flipped bit at %d is not noticed", i)
		}
		other[i] ^= 1
	}
	other = append([]byte{99}, data[1:len(data)-4]...)
	other = binary.LittleEndian.AppendUint32(other, crc32.ChecksumIEEE(other))
	before, _ := m.MarshalBinary()
	if err := m.UnmarshalBinary(other); err == nil {
		t.Error("another form is taken for this one")
	}
	if after, _ := m.MarshalBinary(); !bytes.Equal(before, after) {
		t.Error("a failed reading changed the model")
	}
}
