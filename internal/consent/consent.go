// Package consent says what a value means that stands for a consent. It is the one place that does: intake, the contact
// policy, opt-outs, merges and scenarios ask it. What is there and cannot be understood means no. See docs/decisions/0018.
package consent

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Trait is the trait of a customer's consents.
const Trait = "consent"

// Topics is the consent that holds one for each topic.
const Topics = "topics"

// An Answer is the meaning of a value.
type Answer int

// The answers. Absent is no answer: the policy decides what it means. Unclear means no.
const (
	Absent Answer = iota
	Yes
	No
	Unclear
)

// answers maps words to answers, in lower case, without blanks, hyphens and underscores.
var answers = map[string]Answer{}

func init() {
	for _, w := range strings.Fields(`true yes y t 1 on ok granted grant given allow allowed accept accepted agree agreed consented
		optin optedin subscribe subscribed enabled active confirmed ja oui si sí はい 可 許可 許可する 同意 同意する 同意します 希望 希望する
		希望します 受け取る 受信する 承諾 有 有り あり オン 有効`) {
		answers[w] = Yes
	}
	for _, w := range strings.Fields(`false no n f 0 off denied deny disallow disallowed refuse refused reject rejected decline declined
		disagree optout optedout unsubscribe unsubscribed withdrawn revoked disabled inactive none never nein non nao não いいえ いえ 不可
		拒否 拒否する 同意しない 同意しません 希望しない 希望しません 不要 受け取らない 受信しない 受信拒否 配信停止 停止 解除 退会 無 無し なし オフ 無効`) {
		answers[w] = No
	}
	answers[""] = No
}

// Of returns what a value means: a boolean, 1 or 0, or a word in English or Japanese.
func Of(value any) Answer {
	switch v := value.(type) {
	case nil:
		return Absent
	case bool:
		if v {
			return Yes
		}
		return No
	case string:
		if a, known := answers[folded(v)]; known {
			return a
		}
	case float64:
		return number(v == 1, v == 0)
	case int:
		return number(v == 1, v == 0)
	case int64:
		return number(v == 1, v == 0)
	case json.Number:
		return number(v == "1", v == "0")
	}
	return Unclear
}

func number(one, zero bool) Answer {
	switch {
	case one:
		return Yes
	case zero:
		return No
	}
	return Unclear
}

func folded(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`-_.!。"'`, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(word))
}

// At returns the answer at a path under a customer's consents: At(traits, "topics", "news"). A consent that is no object
// (`consent: false`) is the one to marketing, by every channel and about every topic.
func At(traits map[string]any, path ...string) Answer {
	value := traits[Trait]
	m, ok := value.(map[string]any)
	if !ok {
		if value == nil || path[0] == "all" || path[0] == "transactional" {
			return Absent
		}
		return Of(value)
	}
	for i, part := range path {
		if value = m[part]; i == len(path)-1 {
			break
		}
		if m, ok = value.(map[string]any); !ok {
			return Of(value)
		}
	}
	return Of(value)
}

// TrackingName is the consent to tracked links and opens.
const TrackingName = "tracking"

// Tracking reports whether a customer's opens and clicks may be tracked: unless they refuse it, or have said something about it that is
// not understood.
func Tracking(traits map[string]any) bool { return !Refused(At(traits, TrackingName)) }

// Refused reports whether an answer is there and is not yes.
func Refused(a Answer) bool { return a == No || a == Unclear }

// A Problem is a value that was not understood and is stored as false.
type Problem struct {
	Path  string // "consent.marketing"
	Value any
}

// String returns the sentence for whoever sent the value.
func (p Problem) String() string {
	shown := fmt.Sprintf("%q", p.Value)
	if text, ok := p.Value.(string); ok && len([]rune(text)) > maxShown {
		shown = fmt.Sprintf("%q", string([]rune(text)[:maxShown])+"…")
	} else if !ok {
		shown = kind(p.Value)
	}
	return p.Path + " is " + shown + ", which is neither yes nor no; it was stored as false"
}

// maxShown is how much of a value is shown, in characters.
const maxShown = 40

func kind(value any) string {
	switch value.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprint(value)
}

// Normal returns traits whose consents are booleans, so that every expression that reads them sees what was meant, and
// what was not understood. asks reports whether a name under consent is one that tabi asks for; other values under consent
// (where it was given, and when) stay. The values of an object under such a name are left alone, since only an expression
// of the policy reads them; of topics, each is one consent. traits is not modified.
func Normal(traits map[string]any, asks func(name string) bool) (map[string]any, []Problem) {
	value, there := traits[Trait]
	if !there || value == nil {
		return traits, nil
	}
	var problems []Problem
	normal := func(path string, value any) any {
		a := Of(value)
		switch a {
		case Absent:
			return value
		case Unclear:
			problems = append(problems, Problem{path, value})
		}
		return a == Yes
	}
	var after any
	if m, ok := value.(map[string]any); ok {
		after = object(m, asks, normal)
	} else {
		after = normal(Trait, value)
	}
	if reflect.DeepEqual(after, value) {
		return traits, nil
	}
	out := maps.Clone(traits)
	out[Trait] = after
	return out, problems
}

func object(m map[string]any, asks func(name string) bool, normal func(path string, value any) any) map[string]any {
	out := maps.Clone(m)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		path := Trait + "." + name
		inner, nested := m[name].(map[string]any)
		switch {
		case name == Topics && nested:
			topics := maps.Clone(inner)
			for _, topic := range slices.Sorted(maps.Keys(inner)) {
				topics[topic] = normal(path+"."+topic, inner[topic])
			}
			out[name] = topics
		case (asks(name) || name == Topics) && !nested:
			out[name] = normal(path, m[name])
		}
	}
	return out
}

// Object returns a customer's consents as an object that a change of one of them can be merged into: a consent that is no
// object becomes the one to marketing.
func Object(value any) (m map[string]any, changed bool) {
	switch v := value.(type) {
	case nil:
		return nil, false
	case map[string]any:
		return v, false
	}
	return map[string]any{"marketing": Of(value) == Yes}, true
}

// Join returns the consents of a customer who was two: those of survivor, and those of gone that it does not have. What
// either of them has refused stays refused.
func Join(survivor, gone any) any {
	a, aObject := survivor.(map[string]any)
	b, bObject := gone.(map[string]any)
	switch {
	case survivor == nil:
		return gone
	case gone == nil:
		return survivor
	case !aObject && !bObject:
		if Refused(Of(gone)) {
			return false
		}
		return survivor
	}
	if !aObject {
		a, _ = Object(survivor)
	}
	if !bObject {
		b, _ = Object(gone)
	}
	return join(a, b)
}

func text(value any) bool {
	_, ok := value.(string)
	return ok
}

func join(survivor, gone map[string]any) map[string]any {
	out := maps.Clone(survivor)
	for name, theirs := range gone {
		own, has := out[name]
		inner, nested := theirs.(map[string]any)
		ownInner, ownNested := own.(map[string]any)
		switch {
		case !has || own == nil, nested && Of(own) == Yes:
			out[name] = theirs
		case nested && ownNested:
			out[name] = join(ownInner, inner)
		case theirs == false, text(theirs) && (own == true || text(own)) && Of(own) == Yes && Refused(Of(theirs)):
			out[name] = false
		}
	}
	return out
}
