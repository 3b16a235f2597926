package app

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/human"
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

// ParseTokens reads `name:role=token` or, for an agent of some queues, `name:agent:queue|queue=token`, separated by commas, or
// @FILE with one a line. Without a name, as in `:agent=token`, people enter their names when they sign in. flag names the setting in
// errors, which never hold a token.
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
		holder, value, ok := strings.Cut(strings.TrimSpace(item), "=")
		if !ok {
			return nil, Usage("token %d of --%s has no role: write name:role=token, as in Olga:admin=…", n+1, flag)
		}
		parts := strings.Split(holder, ":")
		if value == "" {
			return nil, Usage("token %d of --%s is empty", n+1, flag)
		}
		if strings.Contains(value, ",") {
			return nil, Usage("token %d of --%s has a comma: write one token per line in a file, and none with a comma", n+1, flag)
		}
		if len(parts) < 2 || len(parts) > 3 {
			return nil, Usage("token %d of --%s: write name:role=token or name:agent:queue|queue=token", n+1, flag)
		}
		role, ok := access.ParseRole(parts[1])
		if !ok {
			return nil, Usage("token %d of --%s has no role%s; roles are %s", n+1, flag, meant(parts[1]), access.RoleNames())
		}
		t := auth.Token{Name: strings.TrimSpace(parts[0]), Value: value, Role: role}
		if len(parts) == 3 {
			if t.Queues, err = queues(role, parts[2]); err != nil {
				return nil, Usage("token %d of --%s: %w", n+1, flag, err)
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// meant suggests a role in an error. What was written is not shown unless it is nearly one: it may be a token.
func meant(text string) string {
	var names []string
	for _, r := range access.Roles {
		names = append(names, string(r))
	}
	if near := human.Suggest(text, names); near != "" {
		return " " + strconv.Quote(text) + ", did you mean " + near + "?"
	}
	return ""
}

// queues reads `queue|queue` of an agent.
func queues(role access.Role, text string) (out []string, err error) {
	if role != access.Agent {
		return nil, fmt.Errorf("only agents have queues, not the role %s", role)
	}
	for _, queue := range strings.Split(text, "|") {
		if queue = strings.TrimSpace(queue); queue == "" {
			return nil, errors.New("a queue has no name; leave the last colon out for all queues")
		}
		out = append(out, queue)
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
