package intent

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	words "github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// trainedModel is a model trained on the examples of a release.
type trainedModel struct {
	digest string
	model  *words.Model
	packed string // base64
}

// trainingCache keeps trained models, since hundreds of simulations publish the same examples, each into its own database.
type trainingCache struct {
	mu      sync.Mutex
	lessons map[string]*trainedModel // by digest
}

var lessons = &trainingCache{lessons: map[string]*trainedModel{}}

// maxLessons is the maximum number of models in the cache.
const maxLessons = 32

func (s *trainingCache) find(digest string) *trainedModel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lessons[digest]
}

// learn trains a model, or returns it from the cache. Concurrent calls wait for each other.
func (s *trainingCache) learn(examples []words.Example) (*trainedModel, error) {
	digest := DigestOf(examples)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.lessons[digest]; known != nil {
		return known, nil
	}
	m, err := words.Train(examples, words.Options{})
	if err != nil {
		return nil, sqldb.InputError("the examples of the intents: " + err.Error())
	}
	raw, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	l := &trainedModel{digest: digest, model: m, packed: base64.StdEncoding.EncodeToString(raw)}
	if len(s.lessons) >= maxLessons {
		for other := range s.lessons { // any one: it is trained again when needed
			delete(s.lessons, other)
			break
		}
	}
	s.lessons[digest] = l
	return l, nil
}

// DigestOf returns a hash of examples and of the training method. The order of the examples does not matter.
func DigestOf(examples []words.Example) string {
	sorted := slices.Clone(examples)
	slices.SortFunc(sorted, func(a, b words.Example) int {
		return cmp.Or(cmp.Compare(a.Intent, b.Intent), cmp.Compare(a.Text, b.Text))
	})
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "method %d\n", words.Method)
	for _, e := range sorted {
		_, _ = fmt.Fprintf(h, "%q %q\n", e.Intent, e.Text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
