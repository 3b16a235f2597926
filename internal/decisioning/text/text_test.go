package text

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// shop are a few examples in two languages, as a designer writes them.
var shop = []Example{
	{"my parcel never came", "complaint"}, {"二度と買いません", "complaint"},
	{"I would like to order this", "purchase"}, {"注文したい", "purchase"},
	{"refund", "refund"}, {"I want my money back", "refund"}, {"返金してください", "refund"},
}

func trained(t testing.TB, examples []Example) *Model {
	t.Helper()
	m, err := Train(examples, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFewExamples(t *testing.T) {
	t.Parallel()
	m := trained(t, shop)
	for said, want := range map[string]string{
		// the examples themselves, as people write them
		"my parcel never came": "complaint", "My Parcel never came!!!": "complaint", "  my  parcel\tnever came ": "complaint",
		"二度と買いません。": "complaint", "ｒｅｆｕｎｄ": "refund",
		// near ones
		"the parcel never came": "complaint", "My parcel never came and I am very angry with you": "complaint", "もう二度と買いません": "complaint",
		"注文したいのですが":                        "purchase",
		"I want a refund for this, please": "refund", "give me my money back": "refund", "I'd like to order two of these": "purchase",
		// others
		"hello": "", "thank you very much": "", "what a lovely day": "", "yes": "", "I would like to know the time": "", "ありがとうございます": "",
		"明日は晴れますか": "", "asdf qwer": "",
		"Vielen Dank und schöne Grüße": "", "👍": "", "": "", "?!": "", "   ": "",
	} {
		if got := m.Classify(said); got.Intent != want {
			t.Errorf("%q was taken for %q (%.2f), want %q", said, got.Intent, got.Confidence, want)
		}
	}
}

func TestOneIntentCanSayNone(t *testing.T) {
	t.Parallel()
	m := trained(t, []Example{{"my parcel never came", "complaint"}, {"this is unacceptable", "complaint"}, {"I am angry", "complaint"}})
	for said, want := range map[string]string{
		"my parcel never came": "complaint", "this is completely unacceptable!": "complaint", "I am very angry": "complaint",
		"hello": "", "thanks, great service": "", "I want to buy a book": "", "this is nice": "", "what is this": "",
	} {
		if got := m.Classify(said); got.Intent != want {
			t.Errorf("%q was taken for %q (%.2f), want %q", said, got.Intent, got.Confidence, want)
		}
	}
}

func TestOutOfScopeExamples(t *testing.T) {
	t.Parallel()
	m := trained(t, append([]Example{{"my parcel is blue", ""}, {"refund policy", "refund"}, {"refund policy", "complaint"}}, shop...))
	if got := m.Classify("My parcel is blue."); got.Intent != "" {
		t.Errorf("an example of none of the intents was taken for %q", got.Intent)
	}
	if got := m.Classify("refund policy"); got.Confidence >= knownConfidence {
		t.Errorf("an example of two intents has confidence %v", got.Confidence)
	}
}

func TestTrainingIsDeterministic(t *testing.T) {
	t.Parallel()
	for name, examples := range map[string][]Example{"few": shop, "many": synthetic(12, 60)} {
		turned := make([]Example, len(examples))
		for i, e := range examples {
			turned[len(examples)-1-i] = e
		}
		a, b := saved1(t, trained(t, examples)), saved1(t, trained(t, turned))
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two trainings made two models", name)
		}
	}
}

func saved1(t testing.TB, m *Model) []byte {
	t.Helper()
	raw, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// synthetic makes sentences of a few words that belong to an intent among words that do not.
func synthetic(intents, each int) []Example {
	random := rng(4)
	common := strings.Fields("please could you tell me about the now today because we would like to have it with our for and")
	var out []Example
	for i := range intents {
		for range each {
			words := []string{fmt.Sprintf("%c%co%c", 'b'+i, 'a'+random.below(3), 'k'+i), fmt.Sprintf("r%cl%co", 'a'+i, 'a'+random.below(2))}
			for range 5 {
				words = append(words, common[random.below(len(common))])
			}
			random.shuffle(len(words), func(a, b int) { words[a], words[b] = words[b], words[a] })
			out = append(out, Example{strings.Join(words, " "), fmt.Sprintf("intent-%02d", i)})
		}
	}
	return out
}

func TestManyExamples(t *testing.T) {
	t.Parallel()
	rest, held := Split(synthetic(14, 60), 0.2, 1)
	if len(rest) != 14*48 || len(held) != 14*12 {
		t.Fatalf("%d and %d texts", len(rest), len(held))
	}
	m := trained(t, rest)
	for _, odd := range []string{"completely different things are written here", "guten Tag zusammen", "qqq xxx"} {
		held = append(held, Example{odd, ""})
	}
	r := Evaluate(m, held, nil)
	if r.Accuracy < 0.97 || r.Forced < r.Accuracy || r.MacroF1 < 0.97 || r.AUROC < 0.97 || r.OutOfScope != 3 || r.Recall < 0.6 {
		t.Errorf("got %+v", r)
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	t.Parallel()
	for name, examples := range map[string][]Example{"few": shop, "many": synthetic(14, 60)} {
		m := trained(t, examples)
		raw := saved1(t, m)
		back, err := Unmarshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, said := range []string{"my parcel never came", "the parcel has come", "bako tell me rala", "", "注文したいのですが"} {
			if a, b := m.Classify(said), back.Classify(said); a != b {
				t.Errorf("%s: %q is %v, and %v when it was read back", name, said, a, b)
			}
		}
		if !bytes.Equal(raw, saved1(t, back)) {
			t.Errorf("%s: it is saved otherwise the second time", name)
		}
		for i := 0; i < len(raw); i += 1 + len(raw)/50 {
			broken := bytes.Clone(raw)
			broken[i] ^= 0x55
			if _, err := Unmarshal(broken); err == nil {
				t.Errorf("%s: a change at byte %d was not noticed", name, i)
			}
			if _, err := Unmarshal(raw[:i]); err == nil {
				t.Errorf("%s: the first %d bytes are read as a model", name, i)
			}
		}
	}
}

func TestAnyText(t *testing.T) {
	t.Parallel()
	m := trained(t, shop)
	for _, said := range []string{
		"\xff\xfe\x00", "\x00", strings.Repeat("a", 10<<20), strings.Repeat("二度と", 1<<20), strings.Repeat("\u0301", 100_000),
		strings.Repeat("﷽", 100_000), "\u202e\u200b\ufeff", "𝕞𝕪 𝕡𝕒𝕣𝕔𝕖𝕝 𝕟𝕖𝕧𝕖𝕣 𝕔𝕒𝕞𝕖",
		strings.Repeat("👩‍👩‍👧‍👦", 1000), "'", "' ' '", strings.Repeat(" ", 100_000),
	} {
		got := m.Classify(said)
		if !(got.Confidence >= 0 && got.Confidence <= 1) {
			t.Errorf("%.20q has confidence %v", said, got.Confidence)
		}
		x := m.Explain(said)
		if x.Label != got || len(m.Scores(said)) != 3 {
			t.Errorf("%.20q: explained as %+v, classified as %+v", said, x.Label, got)
		}
		for _, r := range append(x.For, x.Against...) {
			if !utf8.ValidString(r.Gram) {
				t.Errorf("%.20q: n-gram %q", said, r.Gram)
			}
		}
	}
	if got := m.Classify("𝕞𝕪 𝕡𝕒𝕣𝕔𝕖𝕝 𝕟𝕖𝕧𝕖𝕣 𝕔𝕒𝕞𝕖"); got.Intent != "complaint" {
		t.Errorf("ornamental letters are read as %+v", got)
	}
}

func TestUntrainableExamples(t *testing.T) {
	t.Parallel()
	for name, examples := range map[string][]Example{
		"nothing": nil, "only out of scope": {{"hello", ""}}, "an intent without words": {{"hello", "a"}, {"?!", "b"}},
	} {
		if m, err := Train(examples, Options{}); err == nil {
			t.Errorf("%s: got %v", name, m.Intents())
		}
	}
}

func TestExplained(t *testing.T) {
	t.Parallel()
	x := trained(t, shop).Explain("I want a refund now")
	if x.Best != "refund" || len(x.For) == 0 || x.For[0].Weight <= 0 || x.Scores[0].Intent != "refund" || x.Exact {
		t.Fatalf("got %+v", x)
	}
	found := false
	for _, r := range x.For {
		found = found || r.Gram == "refund" && r.Kind == "word"
	}
	if !found {
		t.Errorf("the word is not among the reasons: %+v", x.For)
	}
}

func TestReportCounts(t *testing.T) {
	t.Parallel()
	m := trained(t, shop)
	var ticks int
	r := Evaluate(m, []Example{{"refund", "refund"}, {"refund", "purchase"}, {"asdf qwer", ""}, {"refund", ""}}, func() time.Time {
		ticks++
		return time.Unix(int64(ticks), 0)
	})
	if r.Accuracy != 0.5 || r.Recall != 0.5 || r.Precision != 1 || r.InScope != 2 || r.OutOfScope != 2 || r.AUROC != 0.75 ||
		r.Micros != 250_000 ||
		len(r.Confusions) != 2 ||
		r.Confusions[0] != (Confusion{"", "refund", 1}) ||
		r.Confusions[1] != (Confusion{"purchase", "refund", 1}) {
		t.Errorf("got %+v", r)
	}
}

func BenchmarkClassify(b *testing.B) {
	for name, examples := range map[string][]Example{"few": shop, "150 intents": synthetic(150, 30)} {
		b.Run(name, func(b *testing.B) {
			m := trained(b, examples)
			for b.Loop() {
				m.Classify("could you please tell me what happened to the parcel that I ordered two weeks ago")
			}
		})
	}
}

func BenchmarkTrainFew(b *testing.B) {
	for b.Loop() {
		trained(b, shop)
	}
}
