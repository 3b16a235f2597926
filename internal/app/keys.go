package app

import (
	"net/netip"
	"strings"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// ParseWriteKeys reads `key=server` and `key=web:Event A|Event B`, separated by commas, or @FILE with one a
// line. A web key may also name the traits it may set, as trait.<name>, and the secret of its userHash, as proof.<secret>, twice
// while the secret is rotated: `key=web:Page Viewed|trait.plan|proof.0123456789abcdef`.
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
		if event.Control(name) {
			return nil, Usage("write key %d of TABI_WRITE_KEYS has a control character", n+1)
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
				} else if secret, ok := strings.CutPrefix(allowed, "proof."); ok {
					k.Proofs = append(k.Proofs, strings.TrimSpace(secret))
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

// parseProxies reads a list of addresses and networks: 10.0.0.0/8, 192.0.2.1, ::1.
func parseProxies(text string) (out []netip.Prefix, err error) {
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		network, err := netip.ParsePrefix(item)
		if err != nil {
			addr, bad := netip.ParseAddr(item)
			if bad != nil {
				return nil, Usage("--trusted-proxies has %q: give addresses or networks such as 10.0.0.0/8", item)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, network.Masked())
	}
	return out, nil
}

// orNone returns a rate as the gateway reads it, where 0 is the default and not none.
func orNone(perSecond int) int {
	if perSecond == 0 {
		return -1
	}
	return perSecond
}
