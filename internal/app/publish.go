package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Published says what a release changed.
type Published struct {
	Release  int      `json:"release"`
	Previous int      `json:"previous"`
	Origin   int      `json:"origin,omitempty"`  // the earlier release that is published again
	DryRun   bool     `json:"dry_run,omitempty"` // nothing was published: Release would be the next
	Added    []string `json:"added,omitempty"`   // "journey x", "message y", "intent z", "action a", "policy", "topic t"
	Changed  []string `json:"changed,omitempty"`
	Removed  []string `json:"removed,omitempty"`
	// Open counts the open enrollments of removed journeys, which continue on their revision.
	Open map[string]int64 `json:"open,omitempty"`
}

// Same reports whether nothing changed.
func (p Published) Same() bool { return p.Release == p.Previous }

// Publish makes content the next release.
func (s *Services) Publish(ctx context.Context, content *journey.Content) (Published, error) {
	return publish(ctx, s.Store, content, catalog.Origin{By: "tabi dev"}, audit.Automatic)
}

// Publish makes content the next release of a store, by a command.
func Publish(ctx context.Context, st *engine.Engine, content *journey.Content, from catalog.Origin) (Published, error) {
	return publish(ctx, st, content, from, audit.CLI)
}

// publish makes content the next release of a store, and records who did.
func publish(ctx context.Context, st *engine.Engine, content *journey.Content, from catalog.Origin, door string) (Published, error) {
	clk, err := st.Database.Clock(ctx)
	if err != nil {
		return Published{}, err
	}
	previous, old, err := st.Catalog.Content(ctx)
	if err != nil {
		return Published{}, err
	}
	e := audit.Entry{Who: from.By, Door: door, What: "release.publish", Kind: "release", Detail: audit.Detail{
		"previous": strconv.Itoa(previous)}}
	if door == audit.CLI {
		e.Who, e.Subject, e.Role = Whoami(), osUser(), DatabaseRole
		if from.By != e.Who {
			e.Detail["by"] = from.By // anybody may say anything in --by
		}
	}
	if from.Release > 0 {
		e.What, e.Detail["release_again"] = "release.rollback", strconv.Itoa(from.Release)
	}
	release := 0
	if err = act(ctx, st.Database, e, func(ctx context.Context) error {
		from.Published = func(n int) { noted(ctx, previous, n) }
		release, err = st.Catalog.PublishFrom(ctx, now(clk), content, from)
		return err
	}); err != nil {
		return Published{}, inWords(err)
	}
	p := Published{Release: release, Previous: previous, Origin: from.Release}
	p.compare(old, content)
	return p, p.countOpen(ctx, st, old, content)
}

// noted puts the number of a release into its entry. That nothing has changed needs none.
func noted(ctx context.Context, previous, n int) {
	if audit.Of(ctx).Object("release", strconv.Itoa(n)); n == previous {
		audit.Of(ctx).Skip()
	}
}

// inWords says what to do about a release that open enrollments do not permit.
func inWords(err error) error {
	var dropped *catalog.DroppedError
	if errors.As(err, &dropped) {
		return fmt.Errorf("not published: open enrollments need what this release lacks; put it back until they have ended:\n  %s",
			strings.Join(dropped.Missing, "\n  "))
	}
	return err
}

// countOpen sets Open.
func (p *Published) countOpen(ctx context.Context, st *engine.Engine, old, content *journey.Content) error {
	if old == nil {
		return nil
	}
	for name := range old.Journeys {
		if content.Journeys[name] != nil {
			continue
		}
		counts, err := st.Analytics.StepCounts(ctx, name)
		if err != nil {
			return err
		}
		for _, c := range counts {
			if p.Open == nil {
				p.Open = map[string]int64{}
			}
			p.Open[name] += c.Enrollments
		}
	}
	return nil
}

// Rollback publishes an earlier release again, as the next one. Release 0 is the one before the current release or, if that
// is itself a rollback, before the one that it went back to. A dry run only says what would change.
func Rollback(ctx context.Context, st *engine.Engine, release int, by string, dryRun bool) (Published, error) {
	list, err := st.Catalog.Releases(ctx, 1)
	if err != nil {
		return Published{}, err
	}
	if len(list) == 0 {
		return Published{}, Usage("nothing was published yet: there is no release to go back to")
	}
	current := list[0]
	if release == 0 {
		if release = current.Number - 1; current.Release > 0 {
			release = current.Release - 1
		}
		if release < 1 {
			return Published{}, Usage("there is no release before the current one to go back to")
		}
	}
	if release == current.Number {
		return Published{}, Usage("release %d is the current one: name an earlier one (tabi releases)", release)
	}
	content, err := st.Catalog.ContentOf(ctx, release)
	if errors.Is(err, sqldb.ErrNotFound) {
		return Published{}, Usage("there is no release %d: name one of tabi releases", release)
	}
	if err != nil {
		return Published{}, err
	}
	if !dryRun {
		return Publish(ctx, st, content, catalog.Origin{By: by, Release: release})
	}
	if err := st.Catalog.CheckPublish(ctx, content); err != nil {
		return Published{}, inWords(err)
	}
	_, old, err := st.Catalog.Content(ctx)
	if err != nil {
		return Published{}, err
	}
	p := Published{Release: current.Number + 1, Previous: current.Number, Origin: release, DryRun: true}
	p.compare(old, content)
	if len(p.Added)+len(p.Changed)+len(p.Removed) == 0 {
		p.Release = p.Previous
	}
	return p, p.countOpen(ctx, st, old, content)
}

// Release is a release in a list.
type Release struct {
	Release int       `json:"release"`
	Live    bool      `json:"live,omitempty"`
	At      time.Time `json:"at"` // virtual
	By      string    `json:"by,omitempty"`
	Origin  int       `json:"origin,omitempty"` // the earlier release that was published again
	Added   []string  `json:"added,omitempty"`  // against the release before
	Changed []string  `json:"changed,omitempty"`
	Removed []string  `json:"removed,omitempty"`
}

// Releases lists the latest releases, newest first, with what each changed.
func Releases(ctx context.Context, st *engine.Engine, limit int) ([]Release, error) {
	list, err := st.Catalog.Releases(ctx, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Release, len(list))
	var newer *journey.Content
	for i, r := range list {
		content := newer
		if content == nil {
			if content, err = st.Catalog.ContentOf(ctx, r.Number); err != nil {
				return nil, err
			}
		}
		newer = nil
		if r.Number > 1 {
			if newer, err = st.Catalog.ContentOf(ctx, r.Number-1); err != nil && !errors.Is(err, sqldb.ErrNotFound) {
				return nil, err
			}
		}
		var p Published
		p.compare(newer, content)
		out[i] = Release{Release: r.Number, Live: i == 0, At: r.At, By: r.By, Origin: r.Release, Added: p.Added, Changed: p.Changed,
			Removed: p.Removed}
	}
	return out, nil
}
