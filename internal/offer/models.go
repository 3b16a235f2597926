package offer

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// A modelKey is an action on a channel.
type modelKey struct{ action, channel string }

// models are all models of one version. They are immutable; a newer version is another value.
type models struct {
	version int64
	at      map[modelKey]int // place in the set
	list    []*propensity.Model
	set     *propensity.Set
}

// modelCache holds the newest models that this process has read.
type modelCache struct {
	sync.Mutex
	Models *models
}

// modelsNow returns the current models: one short query for the version, and one for the models that have changed since
// the cached version.
func (s *Room) modelsNow(ctx context.Context, tx sqldb.Conn) (*models, error) {
	value, err := sqldb.Setting(ctx, tx, "models")
	if err != nil {
		return nil, err
	}
	version, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the version of the models is unreadable: %w", err)
	}
	s.Models.Lock()
	have := s.Models.Models
	s.Models.Unlock()
	if have == nil {
		have = &models{at: map[modelKey]int{}, set: propensity.NewSet()}
	}
	if have.version >= version { // newer than this transaction's snapshot: just as good
		return have, nil
	}
	next := &models{version: version, at: maps.Clone(have.at), list: slices.Clone(have.list)}
	err = sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		k, m, err := scanModel(r)
		if err != nil || m == nil {
			return err
		}
		if i, known := next.at[k]; known {
			next.list[i] = m
			return nil
		}
		next.at[k] = len(next.list)
		next.list = append(next.list, m)
		return nil
	}, `select action, channel, state from models where version > $1 order by action, channel`, have.version)
	if err != nil {
		return nil, err
	}
	next.set = have.set.Next(next.list...)
	s.Models.Lock()
	if now := s.Models.Models; now == nil || now.version < version {
		s.Models.Models = next
	}
	s.Models.Unlock()
	return next, nil
}

// scanModel returns a model, or nil if this build cannot read its state, for example because a newer build wrote it. Such a
// model is learned again from the start and must not stop decisions meanwhile.
func scanModel(r sqldb.Scanner) (modelKey, *propensity.Model, error) {
	var k modelKey
	var state string
	if err := r.Scan(&k.action, &k.channel, &state); err != nil {
		return k, nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(state)
	if err != nil {
		return k, nil, nil
	}
	m := &propensity.Model{}
	if err := m.UnmarshalBinary(raw); err != nil {
		return k, nil, nil
	}
	return k, m, nil
}

// estimates returns a function that predicts how a customer responds to an action: by the model of the action and channel,
// or by the action's configured propensity.
func (s *Room) estimates(ctx context.Context, tx sqldb.Conn,
	p predictors) (func(a *journey.Action, channel string) propensity.Estimate, error) {
	now, err := s.modelsNow(ctx, tx)
	if err != nil {
		return nil, err
	}
	ready := now.set.Prepare(p.Features())
	return func(a *journey.Action, channel string) propensity.Estimate {
		if i, known := now.at[modelKey{a.Name, channel}]; known {
			return ready.Estimate(i)
		}
		return beginning(a)
	}, nil
}

// beginning returns the estimate for an action without a model.
func beginning(a *journey.Action) propensity.Estimate {
	e := propensity.New(propensity.Start{Propensity: a.Propensity}).Estimate(nil)
	e.Propensity = a.Propensity
	return e
}

// Features converts predictors to the input of a model.
func (p predictors) Features() propensity.Features {
	out := make(propensity.Features, 0, len(p))
	for name, value := range p {
		switch value := value.(type) {
		case float64:
			out = append(out, propensity.Number(name, value))
		case string:
			out = append(out, propensity.Symbol(name, value))
		}
	}
	return out
}
