package consent

import (
	"maps"
	"reflect"
	"slices"
)

// TopicsTrait is the trait of a customer's choices of topics: topic → channel → yes or no.
const TopicsTrait = "topics"

// Topic is what counts for a topic that has no choice of the customer.
type Topic struct {
	Name     string
	Channels []string // on which customers choose; on others Default counts
	Default  bool
}

// On reports whether a customer wants a topic on a channel, and what they chose; Absent: the default counts.
func (t Topic) On(traits map[string]any, channel string) (on bool, chosen Answer) {
	if slices.Contains(t.Channels, channel) {
		chosen = t.chosen(traits, channel)
	}
	return chosen == Yes || chosen == Absent && t.Default, chosen
}

// chosen reads the choice. A value in place of an object is the choice for all that the object would hold.
func (t Topic) chosen(traits map[string]any, channel string) Answer {
	value := traits[TopicsTrait]
	for _, name := range []string{t.Name, channel} {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			if len(v) == 0 {
				return Absent // an empty object, as PHP writes it
			}
			return Unclear
		default:
			return Of(value)
		}
	}
	return Of(value)
}

// NormalTopics returns traits whose choices of these topics are booleans, one for each channel, and what was not understood: it
// is stored as false. Other topics stay as they are. traits is not modified.
func NormalTopics(traits map[string]any, topics []Topic) (map[string]any, []Problem) {
	chosen, there := traits[TopicsTrait]
	if list, isList := chosen.([]any); !there || chosen == nil || len(topics) == 0 || isList && len(list) == 0 {
		return traits, nil
	}
	var problems []Problem
	normal := func(path string, value any) any {
		if Of(value) == Unclear {
			problems = append(problems, Problem{path, value})
		}
		return Of(value) == Yes
	}
	out, isObject := maps.Clone(asObject(chosen)), false
	if _, isObject = chosen.(map[string]any); !isObject {
		all := normal(TopicsTrait, chosen)
		out = map[string]any{}
		for _, t := range topics {
			out[t.Name] = all
		}
	}
	for _, t := range topics {
		path := TopicsTrait + "." + t.Name
		switch value := out[t.Name].(type) {
		case nil: // absent, or taken out
		case map[string]any:
			channels := maps.Clone(value)
			for _, channel := range t.Channels {
				if channels[channel] != nil {
					channels[channel] = normal(path+"."+channel, channels[channel])
				}
			}
			out[t.Name] = channels
		case []any:
			if len(value) > 0 {
				out[t.Name] = t.onAll(normal(path, value))
			}
		default:
			out[t.Name] = t.onAll(normal(path, value))
		}
	}
	if reflect.DeepEqual(any(out), chosen) {
		return traits, problems
	}
	changed := maps.Clone(traits)
	changed[TopicsTrait] = out
	return changed, problems
}

func asObject(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

// onAll returns one choice as that for each channel.
func (t Topic) onAll(choice any) map[string]any {
	out := map[string]any{}
	for _, channel := range t.Channels {
		out[channel] = choice
	}
	return out
}
