package payloads

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// UIs are the Temporal UIs of TABI_TEMPORAL_UI.
type UIs struct {
	Link    string   // the first address, for links in pages; empty: none
	origins []string // of their pages, as browsers send them, in lower case
}

// ParseUIs reads a comma-separated list of addresses in Temporal UIs. A UI on this machine may be opened by each of its names.
func ParseUIs(list string) (UIs, error) {
	var out UIs
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Contains(u.Host, "*") {
			return UIs{}, fmt.Errorf("%q is not an address of a Temporal UI, such as "+
				"https://temporal.example.com/namespaces/default/workflows", text)
		}
		if out.Link == "" {
			out.Link = text
		}
		host := strings.ToLower(u.Hostname())
		names := []string{host}
		if loopback := []string{"localhost", "127.0.0.1", "::1"}; slices.Contains(loopback, host) {
			names = loopback
		}
		for _, name := range names {
			if strings.Contains(name, ":") {
				name = "[" + name + "]"
			}
			if port := u.Port(); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
				name += ":" + port
			}
			out.origins = append(out.origins, u.Scheme+"://"+name)
		}
	}
	return out, nil
}

// has reports whether an Origin header is that of a page of one of them.
func (u UIs) has(origin string) bool {
	return origin != "" && slices.Contains(u.origins, strings.ToLower(origin))
}
