package app

import (
	"strings"

	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// ParseWriteKeys reads `key=server` and `key=web:Event A|Event B`, separated by commas, or @FILE with one a
// line. A web key may also name the traits it may set, as trait.<name>: `key=web:Page Viewed|trait.plan`.
func ParseWriteKeys(text string) (map[string]auth.Key, error) {
	keys := map[string]auth.Key{}
	if strings.TrimSpace(text) == "" {
		return keys, nil
	}
	list, err := items("write-keys", text)
	if err != nil {
		return nil, err
	}
	for n, item := range list {
		name, kind, ok := strings.Cut(strings.TrimSpace(item), "=")
		if !ok || name == "" {
			return nil, Usage("write key %d of TABI_WRITE_KEYS has no kind: give key=server or key=web:Event A|Event B", n+1)
		}
		if _, twice := keys[name]; twice {
			return nil, Usage("write key %d of TABI_WRITE_KEYS is listed twice", n+1)
		}
		kind, list, hasList := strings.Cut(kind, ":")
		switch {
		case kind == auth.ServerKey && !hasList:
			keys[name] = auth.Key{Kind: auth.ServerKey}
		case kind == auth.WebKey && list != "":
			k := auth.Key{Kind: auth.WebKey}
			for allowed := range strings.SplitSeq(list, "|") {
				if trait, ok := strings.CutPrefix(allowed, "trait."); ok {
					k.Traits = append(k.Traits, trait)
				} else {
					k.Events = append(k.Events, strings.TrimSpace(allowed))
				}
			}
			keys[name] = k
		default:
			return nil, Usage("write key %d of TABI_WRITE_KEYS has kind %q: give key=server or key=web:Event A|Event B", n+1, kind)
		}
	}
	return keys, nil
}

// ParseTokens reads `token` or `name=token`, separated by commas, or @FILE with one a line. flag names the
// setting in errors.
func ParseTokens(flag, text string) ([]auth.Token, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	list, err := items(flag, text)
	if err != nil {
		return nil, err
	}
	var out []auth.Token
	for n, item := range list {
		name, value, ok := strings.Cut(strings.TrimSpace(item), "=")
		if !ok {
			name, value = "", name
		}
		if value == "" {
			return nil, Usage("token %d of --%s is empty", n+1, flag)
		}
		out = append(out, auth.Token{Name: name, Value: value})
	}
	return out, nil
}
