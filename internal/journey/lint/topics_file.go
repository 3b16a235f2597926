package lint

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// topicSet holds what the checks need to know about the folder's topics.
type topicSet struct {
	known  bool     // there is a topics.yaml: other topics do not exist
	broken bool     // it could not be read: names are not checked
	names  []string // sorted
}

// claimTopics registers the names of the topics.
func (f *fileCheck) claimTopics() {
	f.topics.known = true
	var all *source.Node
	if f.Root != nil && f.Root.Shape == source.Map {
		for i, key := range f.Root.Keys {
			if key.Shape == source.Scalar && key.Text == "topics" {
				all = f.Root.Values[i]
			}
		}
	}
	if all == nil || all.Shape != source.Map || f.Unread(all.Pos) {
		f.topics.broken = true
		return
	}
	for _, key := range all.Keys {
		if key.Shape == source.Scalar && key.Text != "" {
			f.topics.names = append(f.topics.names, key.Text)
		}
	}
	slices.Sort(f.topics.names)
}

// topicsFile checks topics.yaml and keeps the topics.
func (f *fileCheck) topicsFile() {
	if f.Root == nil {
		return
	}
	m := f.Mapping(f.Root, "a file of topics")
	if m == nil {
		return
	}
	out := map[string]*journey.Topic{}
	if n := m.Need("topics", "what customers can subscribe to, by name"); n != nil {
		if all := f.Mapping(n, "topics"); all != nil {
			for i, key := range n.Keys {
				name, _ := f.Label(key, "topic")
				if all.Index(name) != i {
					continue // a repeated key, which is reported
				}
				if topic := f.topic(n.Values[i]); topic != nil {
					out[name] = topic
				}
			}
		}
	}
	m.Done()
	if f.Errors == 0 {
		f.Content.Topics = out
	}
}

func (f *fileCheck) topic(n *source.Node) *journey.Topic {
	m := f.Mapping(n, "a topic")
	if m == nil {
		return nil
	}
	out := &journey.Topic{Names: f.inLanguages(m, "name"), About: f.inLanguages(m, "about")}
	if v := m.Need("channels", "the channels on which customers can choose"); v != nil {
		names, places := f.Words(v, "channels")
		for i, name := range names {
			f.channelSpec(name, places[i].Pos)
		}
		out.Channels = names
	}
	if v := m.Get("default"); v != nil {
		out.Default = f.Boolean(v, "default")
	}
	m.Done()
	return out
}

// inLanguages reads texts for customers: language → text.
func (f *fileCheck) inLanguages(m *source.Mapping, key string) map[string]string {
	n := m.Get(key)
	if n == nil || f.Mapping(n, key+", by language: {en: …},") == nil {
		return nil
	}
	out := map[string]string{}
	for i, name := range n.Keys {
		if name.Shape != source.Scalar || !human.WrittenLanguage(name.Text) {
			f.Report(name.Pos, "bad-value", human.SuggestLanguage(name.Text), "%q is no language: write a code such as ja or pt-BR",
				name.Text)
			continue
		}
		if text, ok := f.Word(n.Values[i], key); ok {
			out[name.Text] = text
		}
	}
	return out
}

// topicIn reads the name of a topic that a rule is about.
func (f *fileCheck) topicIn(n *source.Node) string {
	name, ok := f.Word(n, "topic")
	if ok {
		f.topicNamed(n, name)
	}
	return name
}

// topicNamed reports a topic that topics.yaml does not have. Without the file topics are free.
func (f *fileCheck) topicNamed(n *source.Node, name string) {
	if f.topics.known && !f.topics.broken && !slices.Contains(f.topics.names, name) {
		f.Report(n.Pos, "unknown-topic", human.Suggest(name, f.topics.names), "there is no topic %q in topics.yaml", name)
	}
}
