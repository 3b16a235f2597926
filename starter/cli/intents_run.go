package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// trained is a classifier and how well it does.
type trained struct {
	Source    string       `json:"source,omitempty"`
	Version   int          `json:"version,omitempty"` // in the database; 0: not saved
	Texts     int          `json:"trained_on,omitempty"`
	Intents   int          `json:"intents"`
	Bytes     int          `json:"model_bytes"`
	Seconds   float64      `json:"train_seconds,omitempty"`
	Threshold float64      `json:"threshold"`
	Report    *text.Report `json:"report,omitempty"` // nil: not measured
	Stranger  int          `json:"texts_of_unknown_intents,omitempty"`

	model  *text.Model
	digest string
}

// train makes a classifier of a CSV or of examples; with a split it is measured, and trained on all only where
// it is to be saved.
func train(c *cobra.Command, from lessonFlags, split float64, whole bool) (*trained, error) {
	examples, err := from.read(c)
	if err != nil {
		return nil, err
	}
	rest, held := text.Split(examples, split, from.seed)
	t, err := learn(rest, from)
	if err != nil || split == 0 {
		return t, err
	}
	report := text.Evaluate(t.model, held, clock.Wall)
	if whole {
		if t, err = learn(examples, from); err != nil {
			return nil, err
		}
	}
	t.Report = &report
	return t, nil
}

// read takes what to train on.
func (l *lessonFlags) read(c *cobra.Command) ([]text.Example, error) {
	if l.csv != "" {
		return readTexts(l.csv)
	}
	return readExamples(l.build, &printer{c.ErrOrStderr()}, cmp.Or(l.examples, "journeys"))
}

// given reports whether there is something to train on.
func (l *lessonFlags) given() bool { return l.csv != "" || l.examples != "" }

func learn(examples []text.Example, from lessonFlags) (*trained, error) {
	began := clock.Wall()
	m, err := text.Train(examples, text.Options{Seed: from.seed})
	if err != nil {
		return nil, &app.ExitError{Code: app.ExitBad, Err: err}
	}
	t := &trained{
		Source:  intent.FromExamples,
		Texts:   len(examples),
		Seconds: clock.Wall().Sub(began).Seconds(),
		model:   m,
		digest:  intent.DigestOf(examples),
	}
	if from.csv != "" {
		t.Source = intent.FromCSV
	}
	return t, t.measure()
}

func (t *trained) measure() error {
	raw, err := t.model.Marshal()
	t.Bytes, t.Intents, t.Threshold = len(raw), len(t.model.Intents()), t.model.Threshold()
	return err
}

// saveClassifier makes it the one that counts.
func saveClassifier(c *cobra.Command, cfg *app.Config, t *trained) (version int, err error) {
	err = withStore(c.Context(), cfg, func(st *engine.Engine) error {
		clk, err := st.Clock(c.Context())
		if err != nil {
			return err
		}
		if version, err = st.SaveClassifier(c.Context(), clock.Now(clk), t.Source, t.digest, t.model, t.Report); err != nil {
			return err
		}
		_, release, err := st.Content(c.Context())
		if err != nil {
			return err
		}
		if missing := unheard(release.Intents, t.model.Intents()); len(missing) > 0 {
			_, err = fmt.Fprintf(
				c.ErrOrStderr(),
				"tabi: from now on no text counts for %s: the release has examples of it, this classifier has none; give the examples "+
					"their say again with tabi intents train --examples DIR --save\n",
				strings.Join(missing, ", "),
			)
		}
		return err
	})
	return version, err
}

// unheard are the intents of a release that have examples, and that a classifier does not tell.
func unheard(intents map[string]*journey.Intent, told []string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(intents)) {
		if len(intents[name].Examples) > 0 && !slices.Contains(told, name) {
			out = append(out, name)
		}
	}
	return out
}

func withStore(ctx context.Context, cfg *app.Config, f func(*engine.Engine) error) (err error) {
	st, err := cfg.OpenStore(ctx, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return f(st)
}

// counting reads the classifier that counts in the database.
func counting(ctx context.Context, st *engine.Engine) (*trained, error) {
	kept, err := st.Classifier(ctx)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, app.Unreachable(
			"there is no classifier in the database: publish intents with examples, or save one with tabi intents train --save",
		)
	}
	if err != nil {
		return nil, err
	}
	t := &trained{Source: kept.Source, Version: kept.Version, model: kept.Model}
	return t, t.measure()
}

// evaluate measures with a CSV.
func evaluate(c *cobra.Command, cfg *app.Config, from lessonFlags, file string, split float64) (t *trained, err error) {
	texts, err := readTexts(file)
	if err != nil {
		return nil, err
	}
	switch {
	case split > 0:
		from.csv = file
		var rest []text.Example
		rest, texts = text.Split(texts, split, from.seed)
		t, err = learn(rest, from)
	case from.given():
		var examples []text.Example
		if examples, err = from.read(c); err == nil {
			t, err = learn(examples, from)
		}
	default:
		err = withStore(c.Context(), cfg, func(st *engine.Engine) (err error) {
			t, err = counting(c.Context(), st)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	report := text.Evaluate(t.model, texts, clock.Wall)
	t.Report = &report
	known := map[string]bool{"": true}
	for _, name := range t.model.Intents() {
		known[name] = true
	}
	for _, e := range texts {
		if !known[e.Intent] {
			t.Stranger++
		}
	}
	return t, nil
}
