package text

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/stats"
)

// Report is how well a model does on texts it was not trained with. Figures without data are 0. All shares are
// between 0 and 1.
type Report struct {
	Texts      int `json:"texts"`
	InScope    int `json:"in_scope"`
	OutOfScope int `json:"out_of_scope"`
	// Accuracy is the share of texts in scope whose intent was found; "none of the intents" is wrong.
	Accuracy float64 `json:"accuracy"`
	// Forced is the same without a threshold.
	Forced float64 `json:"accuracy_without_threshold"`
	// MacroF1 is the mean over the intents of the harmonic mean of precision and recall, texts out of scope included.
	MacroF1 float64 `json:"macro_f1"`
	// Recall is the share of texts out of scope that were classified as none of the intents.
	Recall float64 `json:"out_of_scope_recall"`
	// Precision is the share of texts classified as none of the intents that are out of scope.
	Precision float64 `json:"out_of_scope_precision"`
	// AUROC is the probability that a text in scope has more confidence than one out of scope.
	AUROC float64 `json:"out_of_scope_auroc"`
	// Calibration is the mean distance of confidence and accuracy in scope, over ten bins of equal width,
	// weighted by texts (ECE).
	Calibration float64 `json:"calibration_error"`
	// Micros is the time per message, in µs on one core.
	Micros     float64     `json:"micros_per_message"`
	Confusions []Confusion `json:"confusions,omitempty"` // the most frequent first
}

// Confusion is a mistake and its count; an empty name is none of the intents.
type Confusion struct {
	Want  string `json:"want"`
	Got   string `json:"got"`
	Count int    `json:"count"`
}

// maxConfusions is the largest number of confusions in a report.
const maxConfusions = 20

// Evaluate classifies examples and compares the results with their labels. now reads a clock, for Micros; nil leaves
// that out.
func Evaluate(m *Model, examples []Example, now func() time.Time) Report {
	r := Report{Texts: len(examples)}
	type pair struct{ want, got string }
	wrong := map[pair]int{}
	hit, said, were := map[string]int{}, map[string]int{}, map[string]int{}
	var confidences []float64
	var inScope []bool
	var bins [10]struct{ n, right, sum float64 }
	var began time.Time
	labels, guesses := make([]Label, len(examples)), make([]string, len(examples))
	if now != nil {
		began = now()
	}
	for i, e := range examples {
		r := m.read(e.Text)
		labels[i], guesses[i] = m.label(&r), m.intents[r.best]
	}
	if now != nil && len(examples) > 0 {
		r.Micros = float64(now().Sub(began).Nanoseconds()) / 1000 / float64(len(examples))
	}
	forced := 0
	for i, e := range examples {
		got := labels[i]
		if got.Intent == e.Intent {
			hit[e.Intent]++
		} else {
			wrong[pair{e.Intent, got.Intent}]++
		}
		said[got.Intent]++
		were[e.Intent]++
		confidences, inScope = append(confidences, got.Confidence), append(inScope, e.Intent != "")
		if e.Intent == "" {
			r.OutOfScope++
			continue
		}
		r.InScope++
		bin := &bins[min(9, int(got.Confidence*10))]
		bin.n++
		bin.sum += got.Confidence
		if guesses[i] == e.Intent {
			forced++
			bin.right++
		}
	}
	if r.InScope > 0 {
		right, f1 := 0, 0.0
		for name, n := range were {
			if name == "" {
				continue
			}
			right += hit[name]
			f1 += 2 * float64(hit[name]) / float64(n+said[name])
		}
		intents := len(were)
		if r.OutOfScope > 0 {
			intents--
		}
		r.Accuracy, r.Forced = float64(right)/float64(r.InScope), float64(forced)/float64(r.InScope)
		r.MacroF1 = f1 / float64(intents)
		for _, b := range bins {
			r.Calibration += math.Abs(b.right-b.sum) / float64(r.InScope)
		}
	}
	if r.OutOfScope > 0 {
		r.Recall = float64(hit[""]) / float64(r.OutOfScope)
	}
	if said[""] > 0 {
		r.Precision = float64(hit[""]) / float64(said[""])
	}
	if r.InScope > 0 && r.OutOfScope > 0 {
		r.AUROC = stats.AUROC(confidences, inScope)
	}
	for p, n := range wrong {
		r.Confusions = append(r.Confusions, Confusion{p.want, p.got, n})
	}
	slices.SortFunc(r.Confusions, func(a, b Confusion) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Want, b.Want), cmp.Compare(a.Got, b.Got))
	})
	r.Confusions = r.Confusions[:min(len(r.Confusions), maxConfusions)]
	return r
}
