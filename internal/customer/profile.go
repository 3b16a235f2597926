package customer

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// MergeTraits applies patch to traits, deeply; null removes a trait. It returns a new map and the sorted top-level names
// that changed.
func MergeTraits(traits, patch map[string]any) (merged map[string]any, changed []string) {
	merged = Overlay(traits, patch)
	for name := range patch {
		before, had := traits[name]
		after, has := merged[name]
		if had != has || !reflect.DeepEqual(before, after) {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return merged, changed
}

// Overlay returns base changed by patch: null deletes a name, a mapping changes the mapping under its name, and any other
// value replaces. An empty list in place of a mapping is an empty mapping, as PHP writes it, and changes nothing. base is not modified.
func Overlay(base, patch map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(out, name)
		case map[string]any:
			under, _ := out[name].(map[string]any)
			out[name] = Overlay(under, value)
		case []any:
			if _, isMap := out[name].(map[string]any); !isMap || len(value) > 0 {
				out[name] = value
			}
		default:
			out[name] = value
		}
	}
	return out
}

// joinTraits merges the traits of two customers. The survivor's traits win, but a refused consent, and a topic that is turned off,
// stay refused.
func joinTraits(survivor, gone map[string]any) (merged map[string]any, changed []string) {
	merged = Overlay(gone, survivor)
	if joined := consent.Join(survivor[consent.Trait], gone[consent.Trait]); joined != nil {
		merged[consent.Trait] = joined
	}
	if joined := consent.Join(survivor[consent.TopicsTrait], gone[consent.TopicsTrait]); joined != nil {
		merged[consent.TopicsTrait] = joined
	}
	if joined := joinAcquisition(survivor[Acquisition], gone[Acquisition]); joined != nil {
		merged[Acquisition] = joined
	}
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		if !reflect.DeepEqual(survivor[name], merged[name]) || !reflect.DeepEqual(gone[name], merged[name]) {
			changed = append(changed, name)
		}
	}
	return merged, changed
}

// consequence returns what an event about a message changes in the profile: a consent.
func consequence(name string, properties map[string]any) (patch map[string]any) {
	str := func(key string) string { s, _ := properties[key].(string); return strings.TrimSpace(s) }
	switch name {
	case event.Unsubscribed, event.MarketingOptedIn:
		yes, consents := name == event.MarketingOptedIn, map[string]any{}
		switch {
		case str("topic") != "":
			consents[consent.Topics] = map[string]any{str("topic"): yes}
		case str("channel") != "":
			consents[str("channel")] = yes
		default:
			consents[journey.Marketing] = yes
		}
		return map[string]any{consent.Trait: consents}
	case event.ChannelFollowed: // a customer who adds the sender wants its messages
		if channel := str("channel"); channel != "" {
			return map[string]any{consent.Trait: map[string]any{channel: true}}
		}
	case event.EmailMarkedAsSpam:
		return map[string]any{consent.Trait: map[string]any{"email": false, journey.Marketing: false}}
	}
	return nil
}

// applyPatch merges a change into a customer's traits. Consents are stored as booleans, whatever words they come in; it
// returns those that were not understood.
func applyPatch(ctx context.Context, b *unit.Unit, traits, patch map[string]any) (merged map[string]any, changed []string,
	problems []consent.Problem, err error) {
	if patch[consent.Trait] != nil {
		rel, err := b.Release(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		patch, problems = consent.Normal(patch, func(name string) bool {
			return name == "all" || name == journey.Marketing || name == journey.Transactional || name == consent.TrackingName ||
				b.Units.HasChannel(name) || rel.Rules.AsksConsent(name)
		})
		if _, into := patch[consent.Trait].(map[string]any); into {
			if m, lifted := consent.Object(traits[consent.Trait]); lifted {
				traits = maps.Clone(traits)
				traits[consent.Trait] = m
			}
		}
	}
	if patch[consent.TopicsTrait] != nil {
		rel, err := b.Release(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		var unclear []consent.Problem
		patch, unclear = consent.NormalTopics(patch, rel.Rules.AskedTopics())
		problems = append(problems, unclear...)
	}
	merged, changed = MergeTraits(traits, patch)
	return merged, changed, problems, nil
}
