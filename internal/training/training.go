// Package training trains, measures and explains the classifier of texts for `tabi intents`.
package training

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Material names the texts that a classifier is trained on: a CSV file, or the examples of a journeys folder.
type Material struct {
	Build    app.Build
	Examples string // folder
	CSV      string // file
	Seed     uint64 // the same seed makes the same classifier
}

// Trained is a classifier and its measurements.
type Trained struct {
	Source    string       `json:"source,omitempty"`
	Version   int          `json:"version,omitempty"` // in the database; 0: not saved
	Texts     int          `json:"trained_on,omitempty"`
	Intents   int          `json:"intents"`
	Bytes     int          `json:"model_bytes"`
	Seconds   float64      `json:"train_seconds,omitempty"`
	Threshold float64      `json:"threshold"`
	Report    *text.Report `json:"report,omitempty"` // nil: not measured
	// UnknownIntents is the number of measured texts whose intent the classifier does not know.
	UnknownIntents int `json:"texts_of_unknown_intents,omitempty"`

	model  *text.Model
	digest string
}

// Train trains a classifier. With a split above 0, it measures the classifier on that share of each intent's texts; the
// classifier it returns is then trained on the rest or, with whole, on all texts. Diagnostics of a journeys folder are
// written to w.
func Train(w io.Writer, from Material, split float64, whole bool) (*Trained, error) {
	examples, err := from.read(w)
	if err != nil {
		return nil, err
	}
	rest, held := text.Split(examples, split, from.Seed)
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

// read reads the texts to train on.
func (l *Material) read(w io.Writer) ([]text.Example, error) {
	if l.CSV != "" {
		return readTexts(l.CSV)
	}
	return readExamples(l.Build, w, cmp.Or(l.Examples, "journeys"))
}

// Given reports whether there is something to train on.
func (l *Material) Given() bool { return l.CSV != "" || l.Examples != "" }

func learn(examples []text.Example, from Material) (*Trained, error) {
	began := clock.Wall()
	m, err := text.Train(examples, text.Options{Seed: from.Seed})
	if err != nil {
		return nil, &app.ExitError{Code: app.ExitBad, Err: err}
	}
	t := &Trained{
		Source:  intent.FromExamples,
		Texts:   len(examples),
		Seconds: clock.Wall().Sub(began).Seconds(),
		model:   m,
		digest:  intent.DigestOf(examples),
	}
	if from.CSV != "" {
		t.Source = intent.FromCSV
	}
	return t, t.measure()
}

func (t *Trained) measure() error {
	raw, err := t.model.Marshal()
	t.Bytes, t.Intents, t.Threshold = len(raw), len(t.model.Intents()), t.model.Threshold()
	return err
}

// Save stores a classifier and puts it in use. It writes a warning to w if the release has examples of intents that the
// classifier does not know.
func Save(ctx context.Context, w io.Writer, cfg *app.Config, t *Trained) (version int, err error) {
	err = withStore(ctx, cfg, func(st rooms) error {
		clk, err := st.database.Clock(ctx)
		if err != nil {
			return err
		}
		e := audit.Entry{What: "classifier.save", Kind: "classifier", Detail: audit.Detail{"source": t.Source}}
		if err := app.Audited(ctx, st.database, e, func(ctx context.Context) (err error) {
			version, err = st.intents.SaveClassifier(ctx, clock.Now(clk), t.Source, t.digest, t.model, t.Report)
			return err
		}); err != nil {
			return err
		}
		_, release, err := st.catalog.Content(ctx)
		if err != nil {
			return err
		}
		if missing := unknownIntents(release.Intents, t.model.Intents()); len(missing) > 0 {
			_, err = fmt.Fprintf(
				w,
				"tabi: no text will be classified as %s: the release has examples of it, but this classifier does not know it; to use "+
					"the examples again, run tabi intents train --examples DIR --save\n",
				strings.Join(missing, ", "),
			)
		}
		return err
	})
	return version, err
}

// unknownIntents returns the intents of a release that have examples and that a classifier does not know.
func unknownIntents(intents map[string]*journey.Intent, known []string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(intents)) {
		if len(intents[name].Examples) > 0 && !slices.Contains(known, name) {
			out = append(out, name)
		}
	}
	return out
}

// rooms are the parts of the database that training reads and writes.
type rooms struct {
	catalog interface {
		Content(ctx context.Context) (release int, c *journey.Content, err error)
	}
	database *sqldb.Database
	intents  interface {
		Classifier(ctx context.Context) (intent.Classifier, error)
		SaveClassifier(ctx context.Context, now time.Time, source, digest string, m *text.Model, metrics any) (int, error)
		Scores(ctx context.Context, now time.Time, customer string) ([]intent.CustomerIntent, error)
	}
}

func withStore(ctx context.Context, cfg *app.Config, f func(rooms) error) (err error) {
	st, err := cfg.OpenStore(ctx, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return f(rooms{catalog: st.Catalog, database: st.Database, intents: st.Intents})
}

// currentClassifier reads the classifier in use from the database.
func currentClassifier(ctx context.Context, st rooms) (*Trained, error) {
	kept, err := st.intents.Classifier(ctx)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, app.Unreachable(
			"there is no classifier in the database: publish intents with examples, or save one with tabi intents train --save",
		)
	}
	if err != nil {
		return nil, err
	}
	t := &Trained{Source: kept.Source, Version: kept.Version, model: kept.Model}
	return t, t.measure()
}

// Evaluate measures on a CSV file: with a split above 0 a classifier trained on the rest of the file, with material one
// trained on that, otherwise the classifier in use in the database.
func Evaluate(ctx context.Context, w io.Writer, cfg *app.Config, from Material, file string, split float64) (t *Trained, err error) {
	texts, err := readTexts(file)
	if err != nil {
		return nil, err
	}
	switch {
	case split > 0:
		from.CSV = file
		var rest []text.Example
		rest, texts = text.Split(texts, split, from.Seed)
		t, err = learn(rest, from)
	case from.Given():
		var examples []text.Example
		if examples, err = from.read(w); err == nil {
			t, err = learn(examples, from)
		}
	default:
		err = withStore(ctx, cfg, func(st rooms) (err error) {
			t, err = currentClassifier(ctx, st)
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
			t.UnknownIntents++
		}
	}
	return t, nil
}
