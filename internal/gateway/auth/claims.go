package auth

import "strings"

// claimAt returns a claim: one of that name, or b within a for a.b.
func claimAt(claims map[string]any, path string) (any, bool) {
	if v, ok := claims[path]; ok {
		return v, true
	}
	outer, inner, ok := strings.Cut(path, ".")
	if below, isMap := claims[outer].(map[string]any); ok && isMap {
		return claimAt(below, inner)
	}
	return nil, false
}

// groupsOf reads the claim of groups: a list of names, one name, or an object whose keys are the names.
func groupsOf(claims map[string]any, path string) (out []string) {
	switch v, _ := claimAt(claims, path); v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			if name, ok := one.(string); ok {
				out = append(out, name)
			}
		}
	case map[string]any:
		for name := range v {
			out = append(out, name)
		}
	}
	return out
}

// personName returns the name that is shown with a person's actions.
func personName(claims map[string]any, subject string) string {
	for _, claim := range []string{"name", "preferred_username", "email"} {
		if name, _ := claims[claim].(string); GoodName(strings.TrimSpace(name)) {
			return strings.TrimSpace(name)
		}
	}
	return subject
}

// textClaim returns a claim that is a text of a reasonable length; empty: there is none.
func textClaim(claims map[string]any, name string) string {
	text, _ := claims[name].(string)
	if len(text) > 512 {
		return ""
	}
	return text
}

// oidcSubject returns the subject of a person at the provider, as sessions have it.
func oidcSubject(id string) string { return "oidc:" + id }
