package intent

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/catalog"
	words "github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Sources of a classifier.
const (
	FromExamples = "examples" // from the intents of a release; trained again whenever they change
	FromCSV      = "csv"      // saved by a person; stays until another is saved
)

// A Classifier is a version of the trained text classifier.
type Classifier struct {
	Version int
	Source  string // FromExamples or FromCSV
	Digest  string // hash of the training data
	At      time.Time
	Metrics json.RawMessage // measured at training; null: not measured
	Model   *words.Model    // shared: it never changes
	broken  error           // why there is no Model
}

// keptClassifiers is how many versions are kept besides the latest.
const keptClassifiers = 5

// SaveClassifier makes a model the active classifier, for every process from its next message on, and returns its version.
// A model FromCSV stays active when a release changes its examples; one FromExamples is replaced.
func (s *Room) SaveClassifier(
	ctx context.Context,
	now time.Time,
	source, digest string,
	m *words.Model,
	metrics any,
) (version int, err error) {
	if source != FromCSV && source != FromExamples {
		return 0, sqldb.InputError(fmt.Sprintf("a classifier comes from %s or %s, not from %q", FromCSV, FromExamples, source))
	}
	raw, err := m.Marshal()
	if err != nil {
		return 0, err
	}
	measured, err := sqldb.JSONText(metrics)
	if err != nil {
		return 0, sqldb.InputError("the metrics are not JSON: " + err.Error())
	}
	model := base64.StdEncoding.EncodeToString(raw)
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		version, err = insertClassifier(ctx, tx, now, source, digest, model, measured)
		audit.Of(ctx).Object("classifier", strconv.Itoa(version))
		return err
	})
	return version, err
}

// insertClassifier writes a version and activates it. Concurrent calls wait for each other.
func insertClassifier(ctx context.Context, tx sqldb.Conn, now time.Time, source, digest, model, metrics string) (version int, err error) {
	if _, err := sqldb.LockSetting(ctx, tx, "classifier"); err != nil {
		return 0, err
	}
	if err := tx.QueryRowContext(ctx, `select coalesce(max(version), 0) + 1 from classifiers`).Scan(&version); err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, `insert into classifiers (version, source, digest, model, metrics, at) values ($1, $2, $3, $4, $5,
	$6)`,
		version, source, digest, model, metrics, sqldb.Millis(now)); err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, `delete from classifiers where version < $1`, version-keptClassifiers); err != nil {
		return 0, err
	}
	return version, countClassifier(ctx, tx, version)
}

func countClassifier(ctx context.Context, tx sqldb.Conn, version int) error {
	return sqldb.SetSetting(ctx, tx, "classifier", strconv.Itoa(version))
}

// Classifier returns the active classifier, or ErrNotFound. If this build cannot read it, it returns an error; everything
// else continues without a classifier.
func (s *Room) Classifier(ctx context.Context) (Classifier, error) {
	c, err := s.classifier(ctx, s.db.Reader)
	switch {
	case err != nil:
	case c == nil:
		err = sqldb.ErrNotFound
	case c.Model == nil:
		return Classifier{}, fmt.Errorf("the classifier cannot be read: %w; train one with this build", c.broken)
	}
	if err != nil {
		return Classifier{}, sqldb.DatabaseError(err)
	}
	return *c, nil
}

// classifier returns the active classifier, or nil: one short query, and the model from memory. If the model cannot be
// read, for example because a newer build wrote it, Model is nil, messages are accepted unclassified, and Notice is called
// once.
func (s *Room) classifier(ctx context.Context, tx sqldb.Conn) (*Classifier, error) {
	value, err := sqldb.Setting(ctx, tx, "classifier")
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(cmp.Or(value, "0"))
	if err != nil {
		version = -1 // set but unreadable; no row has this number
	}
	if version == 0 {
		return nil, nil
	}
	s.Mu.Lock()
	cached := s.Reads
	s.Mu.Unlock()
	if cached != nil && cached.Version == version {
		return cached, nil
	}
	c := &Classifier{Version: version}
	var model, metrics string
	var at int64
	switch err := tx.QueryRowContext(ctx, `select source, digest, model, metrics, at from classifiers where version = $1`,
		version).Scan(&c.Source, &c.Digest, &model, &metrics, &at); {
	case errors.Is(err, sql.ErrNoRows):
		c.broken = fmt.Errorf("there is none of version %q", value)
	case err != nil:
		return nil, fmt.Errorf("classifier %d: %w", version, err)
	}
	c.At, c.Metrics = sqldb.Moment(at), json.RawMessage(metrics)
	if known := lessons.find(c.Digest); known != nil && c.Source == FromExamples {
		c.Model = known.model
	} else if c.broken == nil {
		if c.Model, c.broken = readClassifier(model); c.broken != nil {
			c.broken = fmt.Errorf("version %d: %w", version, c.broken)
		}
	}
	if c.Model == nil {
		s.Notice(
			"the text classifier cannot be read: messages are accepted without an intent until another is trained or "+
				"published",
			c.broken,
		)
	}
	s.Mu.Lock()
	s.Reads = c
	s.Mu.Unlock()
	return c, nil
}

// readClassifier decodes a stored model.
func readClassifier(model string) (*words.Model, error) {
	raw, err := base64.StdEncoding.DecodeString(model)
	if err != nil {
		return nil, err
	}
	return words.Unmarshal(raw)
}

// learn trains on the examples of a release's intents. It returns nil if there are none.
func learn(rules journey.Rules) (*trainedModel, error) {
	var examples []words.Example
	for name, i := range rules.Intents {
		for _, e := range i.Examples {
			examples = append(examples, words.Example{Text: e, Intent: name})
		}
	}
	if len(examples) == 0 {
		return nil, nil
	}
	return lessons.learn(examples)
}

// publishClassifier stores and activates the model of a release's examples, unless the active classifier is FromCSV.
func publishClassifier(ctx context.Context, tx sqldb.Conn, now time.Time, l *trainedModel) error {
	current := struct {
		version               int
		source, digest, model string
	}{}
	err := tx.QueryRowContext(ctx, `select c.version, c.source, c.digest, c.model from classifiers c where cast(c.version as text) =
	(`+sqldb.SettingQuery("classifier")+`)`).
		Scan(&current.version, &current.source, &current.digest, &current.model)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	case current.source == FromCSV:
		return nil
	case l == nil:
		if current.version == 0 {
			return nil
		}
		return countClassifier(ctx, tx, 0)
	case current.digest == l.digest:
		if _, err := readClassifier(current.model); err == nil {
			return nil
		}
	}
	_, err = insertClassifier(ctx, tx, now, FromExamples, l.digest, l.packed, "null")
	return err
}

// ClassifierBroken reports whether the active classifier could not be read when this process last tried.
func (s *Room) ClassifierBroken() bool {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.Reads != nil && s.Reads.Model == nil
}

// PreparePublication is the OnPublish hook of this room. It trains on the examples of a release before the transaction.
// Inside the transaction the returned step stores the model and, if an intent is defined differently, marks all customers
// to be recomputed.
func PreparePublication(c *journey.Content) (func(ctx context.Context, tx sqldb.Conn, p catalog.Publication) error, error) {
	learned, err := learn(c.Rules)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx sqldb.Conn, p catalog.Publication) error {
		if err := publishClassifier(ctx, tx, p.Now, learned); err != nil || !p.Redefined {
			return err
		}
		return redefine(ctx, tx)
	}, nil
}
