package doctor

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
)

// temporalVariables are those that the Temporal SDK reads.
var temporalVariables = []string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_TLS", "TEMPORAL_PROFILE",
	"TEMPORAL_CONFIG_FILE"}

// variables finds names that nothing reads.
func variables(_ context.Context, p *Patient, r *report) {
	for _, text := range p.Config.UnknownVariables(p.Environ) {
		r.warn("correct or remove it", "%s", text)
	}
	for _, one := range p.Environ {
		name, _, _ := strings.Cut(one, "=")
		switch {
		case strings.HasPrefix(name, "TEMPORAL_CODEC_"):
			r.fail("remove it; TABI_MASTER_KEYS encrypts histories", "%s is not used, so it encrypts nothing", human.Printable(name))
		case !strings.HasPrefix(name, "TEMPORAL_"), slices.Contains(temporalVariables, name),
			strings.HasPrefix(name, "TEMPORAL_TLS_"), strings.HasPrefix(name, "TEMPORAL_GRPC_META_"):
		default:
			r.warn("correct or remove it", "the variable %s is not read by the Temporal SDK", human.Printable(name))
		}
	}
	if len(r.findings) == 0 {
		r.ok("every TABI_ and TEMPORAL_ variable is known")
	}
}

// secrets finds weak and shared ones.
func secrets(_ context.Context, p *Patient, r *report) {
	for _, err := range p.Config.UnreadableSecrets() {
		r.fail("correct it: no process starts with it", "%s", err)
	}
	for _, err := range p.Config.WeakCredentials() {
		r.fail("take another value: openssl rand -hex 32", "%s", err)
	}
	if given := p.Config.Given(); len(r.findings) == 0 {
		if len(given) == 0 {
			r.ok("none is set")
			return
		}
		r.ok("set, and neither weak nor shared: %s", strings.Join(given, ", "))
	}
}

// openDoors finds what lets everybody in.
func openDoors(_ context.Context, p *Patient, r *report) {
	c := p.Config
	if c.Insecure {
		r.fail("remove --insecure (TABI_INSECURE), and create keys: tabi keys create", "what has no key or token is open to everybody")
	}
	if c.MetricsListen != "" && !loopback(c.MetricsListen) {
		r.warn(
			"let only the scraper reach it: a network of its own, or 127.0.0.1",
			"the worker's metrics are open to everybody who reaches %s",
			c.MetricsListen,
		)
	}
	if c.Listen != "" && !loopback(c.Listen) && c.TLSCert == "" {
		r.warn("put a proxy with TLS before it, or set TABI_TLS_CERT and TABI_TLS_KEY", "the gateway listens on %s without TLS", c.Listen)
	}
	if len(r.findings) == 0 {
		r.ok("nothing is open without a key")
	}
}

// encryption finds out whether histories can be read in Temporal.
func encryption(_ context.Context, p *Patient, r *report) {
	if !p.Config.Encrypts() {
		r.warn(
			"set TABI_MASTER_KEYS, and keep a copy elsewhere",
			"no master key is set here: whoever reads Temporal reads what customers did",
		)
		return
	}
	r.ok("a master key is set")
}

// loopback reports whether only this machine reaches an address, host:port.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// localURL reports whether an address is of this machine.
func localURL(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
