package catalog

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Refusal marks the error as a refusal, not a failure of the database.
func (e *DroppedError) Refusal() {}

// Error implements error.
func (e *DroppedError) Error() string {
	return "the release would drop content that open enrollments still need; keep it until they have ended: " + strings.Join(e.Missing,
		"; ")
}

// Catalog publishes releases, and caches the current one and the compiled revisions.
type Catalog struct {
	*sqldb.Database
	// openRevisions returns the number of open enrollments of each revision.
	openRevisions func(ctx context.Context, tx sqldb.Conn) (map[string]int, error)
	onPublish     []OnPublish

	mu       sync.Mutex
	release  *Release
	programs map[string]*PackedProgram // by revision
}

// New returns an empty catalog. openRevisions counts the open enrollments of each revision; The
// hooks are called in their order.
func New(db *sqldb.Database, openRevisions func(ctx context.Context, tx sqldb.Conn) (map[string]int, error),
	onPublish []OnPublish) *Catalog {
	return &Catalog{Database: db, programs: map[string]*PackedProgram{}, openRevisions: openRevisions, onPublish: onPublish}
}

// maxPrograms is the maximum number of cached revisions.
const maxPrograms = 512

// OnPublish prepares a room for a release, before the transaction; the step it returns runs inside it.
type OnPublish func(c *journey.Content) (step func(ctx context.Context, tx sqldb.Conn, p Publication) error, err error)

// A Publication is a release that is being published.
type Publication struct {
	Now       time.Time
	Content   *journey.Content
	Redefined bool // an intent is new, or defined differently from the previous release
}

// A PackedProgram is a compiled revision with its packed definition.
type PackedProgram struct {
	*journey.Program
	Packed []byte
}

// A Release is a numbered release with its indexes.
type Release struct {
	Number    int
	Content   *journey.Content
	Rules     *journey.Rulebook
	Intents   *IntentRules                 // nil: no intents
	Programs  map[string]*journey.Program  // by journey
	Accepts   map[string][]*journey.Action // by the events that accept them
	ByEvent   map[string][]string          // entry event → journeys, sorted
	Watched   []ConditionEntry             // entered when a condition becomes true, sorted
	Scheduled []Timetable                  // entered by schedule, sorted

	naming sync.Once
	named  map[string]bool // see Names
	texts  string
}

// manifest is a release as stored: journeys by revision, messages and rules in full. Its JSON is canonical, since maps are
// sorted.
type manifest struct {
	Journeys map[string]string           `json:"journeys"`
	Messages map[string]*journey.Message `json:"messages"`
	journey.Rules
}

func emptyRelease() *Release {
	return &Release{
		Content: &journey.Content{Journeys: map[string]*journey.Definition{}, Messages: map[string]*journey.Message{}},
		Rules:   &journey.Rulebook{},
	}
}

// Origin is where a release comes from.
type Origin struct {
	By      string // who publishes it; empty: not known
	Release int    // the earlier release that is published again; 0: none
	// Published is called in the transaction with the number of the release, which is the current one if nothing has changed; may be nil.
	Published func(number int)
}

func (o Origin) published(number int) {
	if o.Published != nil {
		o.Published(number)
	}
}

// Publish is PublishFrom without an origin.
func (s *Catalog) Publish(ctx context.Context, now time.Time, c *journey.Content) (number int, err error) {
	return s.PublishFrom(ctx, now, c, Origin{})
}

// PublishFrom makes c the next release, in one transaction, and returns its number. Nothing changes if c equals the current
// release. It returns a *DroppedError if open enrollments still need something that c does not have.
func (s *Catalog) PublishFrom(ctx context.Context, now time.Time, c *journey.Content, from Origin) (number int, err error) {
	next := manifest{Journeys: map[string]string{}, Messages: map[string]*journey.Message{}, Rules: c.Rules}
	maps.Copy(next.Messages, c.Messages)
	packed := map[string]string{}
	for name, d := range c.Journeys {
		raw, err := journey.Pack(d)
		if err != nil {
			return 0, sqldb.InputError(fmt.Sprintf("journey %q cannot be packed: %v", name, err))
		}
		next.Journeys[name] = d.Revision()
		packed[name] = base64.StdEncoding.EncodeToString(raw)
	}
	content, err := sqldb.JSONText(next)
	if err != nil {
		return 0, sqldb.InputError("the content is not JSON: " + err.Error())
	}
	var steps []func(ctx context.Context, tx sqldb.Conn, p Publication) error
	for _, prepare := range s.onPublish {
		step, err := prepare(c)
		if err != nil {
			return 0, err
		}
		steps = append(steps, step)
	}
	err = s.Write(ctx, func(tx sqldb.Conn) error {
		// Concurrent publications wait for each other here.
		if _, err := sqldb.LockSetting(ctx, tx, "release"); err != nil {
			return err
		}
		current, err := s.Current(ctx, tx)
		if err != nil {
			return err
		}
		number = current.Number
		if number > 0 {
			var have string
			if err := tx.QueryRowContext(ctx, `select content from releases where number = $1`, number).Scan(&have); err != nil {
				return err
			}
			if have == content {
				from.published(number)
				return nil
			}
		}
		if err := s.checkDropped(ctx, tx, current.Content, c); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(packed)) {
			if _, err := tx.ExecContext(ctx, `insert into definitions (revision, journey, packed, at) values ($1, $2, $3, $4) on conflict
			(revision) do nothing`,
				next.Journeys[name], name, packed[name], sqldb.Millis(now)); err != nil {
				return err
			}
		}
		number++
		from.published(number)
		since, redefined, err := nextDefinitions(current, c, number)
		if err != nil {
			return err
		}
		for _, step := range steps {
			if err := step(ctx, tx, Publication{Now: now, Content: c, Redefined: redefined}); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `insert into releases (number, content, at, intents, by_whom, origin) values ($1, $2, $3, $4,
			$5, $6)`, number, content, sqldb.Millis(now), since, sqldb.Clean(from.By), from.Release); err != nil {
			return err
		}
		return sqldb.SetSetting(ctx, tx, "release", strconv.Itoa(number))
	})
	if err != nil {
		return 0, err
	}
	return number, nil
}

// checkDropped returns a DroppedError if a revision with open enrollments names something that c does not have.
func (s *Catalog) checkDropped(ctx context.Context, tx sqldb.Conn, current, c *journey.Content) error {
	all, err := s.openRevisions(ctx, tx)
	if err != nil {
		return err
	}
	missing := map[string]bool{}
	for revision, n := range all {
		p, err := s.Load(ctx, tx, revision)
		if err != nil {
			return err
		}
		by := fmt.Sprintf("named by journey %s (revision %s, %d open)", p.Journey, revision, n)
		for _, name := range droppedIntents(p.Program, current, c) {
			missing[fmt.Sprintf("intent %q, %s", name, by)] = true
		}
		for _, step := range p.Steps {
			for _, what := range dropped(current, c, step.Spec) {
				missing[what+", "+by] = true
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &DroppedError{Missing: slices.Sorted(maps.Keys(missing))}
}

// dropped lists what a step names and c does not hold.
func dropped(current, c *journey.Content, spec journey.Spec) (missing []string) {
	named := spec.Describe()
	for _, name := range named.Groups {
		if c.Groups[name] == nil {
			missing = append(missing, fmt.Sprintf("group %q", name))
		}
	}
	for _, name := range named.Actions {
		if c.Actions[name] == nil {
			missing = append(missing, fmt.Sprintf("action %q", name))
		}
	}
	if current.Topics[named.Topic] != nil && c.Topics[named.Topic] == nil {
		missing = append(missing, fmt.Sprintf("topic %q", named.Topic))
	}
	for _, said := range named.Messages {
		message := c.Messages[said.Message]
		if message == nil {
			missing = append(missing, fmt.Sprintf("message %q", said.Message))
			continue
		}
		before := current.Messages[said.Message]
		for _, via := range said.Via {
			if before != nil && before.Treatments[via] != nil && message.Treatments[via] == nil {
				missing = append(missing, fmt.Sprintf("the %s treatment of message %q", via, said.Message))
			}
		}
	}
	return missing
}

// Content returns the current release; number 0 and empty content before the first one. The content is shared and must not
// be changed.
func (s *Catalog) Content(ctx context.Context) (number int, c *journey.Content, err error) {
	r, err := s.Current(ctx, s.Reader)
	if err != nil {
		return 0, nil, sqldb.DatabaseError(err)
	}
	return r.Number, r.Content, nil
}

// Rules returns the compiled rules of the current release; empty before the first one.
func (s *Catalog) Rules(ctx context.Context) (*journey.Rulebook, error) {
	r, err := s.Current(ctx, s.Reader)
	if err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	return r.Rules, nil
}

// Current returns the current release in a transaction: one short query, and the content from memory.
func (s *Catalog) Current(ctx context.Context, tx sqldb.Conn) (*Release, error) {
	value, err := sqldb.Setting(ctx, tx, "release")
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(value)
	if err != nil {
		return nil, errors.New("the number of the current release is unreadable")
	}
	if number == 0 {
		return emptyRelease(), nil
	}
	s.mu.Lock()
	cached := s.release
	s.mu.Unlock()
	if cached != nil && cached.Number == number {
		return cached, nil
	}
	r, err := s.loadRelease(ctx, tx, number)
	if err != nil {
		return nil, fmt.Errorf("release %d: %w", number, err)
	}
	s.mu.Lock()
	s.release = r
	s.mu.Unlock()
	return r, nil
}

func (s *Catalog) loadRelease(ctx context.Context, tx sqldb.Conn, number int) (*Release, error) {
	var raw, defined string
	if err := tx.QueryRowContext(ctx, `select content, intents from releases where number = $1`, number).Scan(&raw, &defined); err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return nil, err
	}
	r := emptyRelease()
	r.Number = number
	r.Programs, r.ByEvent = map[string]*journey.Program{}, map[string][]string{}
	if m.Messages != nil {
		r.Content.Messages = m.Messages
	}
	r.Content.Rules = m.Rules
	var err error
	if r.Rules, err = journey.NewRulebook(m.Rules); err != nil {
		return nil, err
	}
	since := map[string]int64{}
	if defined != "" {
		if err := json.Unmarshal([]byte(defined), &since); err != nil {
			return nil, err
		}
	}
	r.Intents = newIntentRules(r.Rules, since)
	r.Accepts = accepts(r.Rules)
	for _, name := range slices.Sorted(maps.Keys(m.Journeys)) {
		p, err := s.Load(ctx, tx, m.Journeys[name])
		if err != nil {
			return nil, err
		}
		r.Content.Journeys[name] = p.Definition
		r.Programs[name] = p.Program
		for _, event := range sqldb.Sorted(p.Entry.Events) {
			r.ByEvent[event] = append(r.ByEvent[event], name)
		}
		if w, ok := watches(p.Program); ok {
			r.Watched = append(r.Watched, w)
		}
		if t, ok, err := scheduled(p.Program); err != nil {
			return nil, err
		} else if ok {
			r.Scheduled = append(r.Scheduled, t)
		}
	}
	return r, nil
}

// Load returns a revision, from memory or from the database.
func (s *Catalog) Load(ctx context.Context, tx sqldb.Conn, revision string) (*PackedProgram, error) {
	s.mu.Lock()
	p := s.programs[revision]
	s.mu.Unlock()
	if p != nil {
		return p, nil
	}
	var raw string
	if err := tx.QueryRowContext(ctx, `select packed from definitions where revision = $1`, revision).Scan(&raw); err != nil {
		return nil, fmt.Errorf("revision %s: %w", revision, err)
	}
	packed, err := base64.StdEncoding.DecodeString(raw)
	if err != nil {
		return nil, fmt.Errorf("revision %s: %w", revision, err)
	}
	loaded, err := journey.Load(packed, revision)
	if err != nil {
		return nil, fmt.Errorf("revision %s: %w", revision, err)
	}
	p = &PackedProgram{Program: loaded, Packed: packed}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.programs) >= maxPrograms {
		for other := range s.programs { // any one: it is loaded again when needed
			delete(s.programs, other)
			break
		}
	}
	s.programs[revision] = p
	return p, nil
}
