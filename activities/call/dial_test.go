package call

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestParseAllow(t *testing.T) {
	t.Parallel()
	a, err := ParseAllow(" CRM.internal., 10.1.2.3\n10.20.0.0/16 [::1],fd00::/8 ::ffff:192.168.7.0/120, ::ffff:192.168.8.8")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.hosts) != 1 || !a.hosts["crm.internal"] {
		t.Errorf("hosts %v", a.hosts)
	}
	var ranges []string
	for _, r := range a.ranges {
		ranges = append(ranges, r.String())
	}
	if got := strings.Join(ranges, " "); got != "10.1.2.3/32 10.20.0.0/16 ::1/128 fd00::/8 192.168.7.0/24 192.168.8.8/32" {
		t.Errorf("ranges %s", got)
	}
	for _, bad := range []string{"http://crm.internal", "crm.internal:80", "10.0.0.0/33", "*.internal", "a@b", "1.2.3.4:80", "10.0.0.1/x"} {
		if _, err := ParseAllow("ok.internal " + bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if a, err := ParseAllow(" , "); err != nil || len(a.hosts)+len(a.ranges) != 0 {
		t.Errorf("an empty list: %v %v", a, err)
	}
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	at := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(at, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "2130706433", "0x7f.1",
		"127.1"} {
		got, err := client(t, "10.0.0.0/8 other.internal").Call(t.Context(), Request{URL: "http://" + host + ":" + port + "/?who=ana"})
		if err != nil { // not an address to this machine, and no name either
			if app, _ := repeatable(t, err); strings.Contains(app.Message(), "host name") {
				continue
			}
		}
		if !got.Failed || !strings.Contains(got.Reason, "TABI_CALL_ALLOWLIST") || strings.Contains(got.Reason, "ana") {
			t.Errorf("%s: %+v %v", host, got, err)
		}
	}
	for _, allow := range []string{"127.0.0.1", "127.0.0.0/8", "::ffff:127.0.0.1"} {
		if got, err := client(t, allow).Call(t.Context(), Request{URL: at}); err != nil || got.Failed {
			t.Errorf("allowed by %s: %+v %v", allow, got, err)
		}
	}
}

// resolver is a name server that answers every question for an IPv4 address with the next of its list, the last
// one again and again.
func resolver(t *testing.T, addresses ...[4]byte) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	var asked atomic.Int32
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q.Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1)), len(addresses)) - 1
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{
						Name:  q.Name,
						Type:  q.Type,
						Class: q.Class,
						TTL:   0,
					}, Body: &dnsmessage.AResource{A: addresses[i]},
				}}
			}
			answer, err := m.Pack()
			if err == nil {
				_, _ = socket.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// A name that points to an allowed address first and to another one the next time comes through once.
func TestDNSRebindingIsRefused(t *testing.T) {
	t.Parallel()
	calls := 0
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Connection", "close")
	})
	url := strings.Replace(at, "127.0.0.1", "rebind.example.com", 1)
	c := client(t, "127.0.0.1", Dial{Resolver: resolver(t, [4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2})})
	if got, err := c.Call(t.Context(), Request{URL: url}); err != nil || got.Failed || calls != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	got, err := c.Call(t.Context(), Request{URL: url + "/?who=ana"})
	if err != nil || !got.Failed || !strings.HasPrefix(got.Reason, "rebind.example.com: the address is a private one") || calls != 1 {
		t.Errorf("%+v %v, %d calls", got, err, calls)
	}
}

// A host that is allowed by name may point anywhere; another name for the same address may not.
func TestAllowedHost(t *testing.T) {
	t.Parallel()
	at := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, "CRM.internal", Dial{Resolver: resolver(t, [4]byte{127, 0, 0, 1})})
	for host, failed := range map[string]bool{"crm.internal": false, "Crm.Internal.": false, "erp.internal": true,
		"crm.internal.example.com": true, "127.0.0.1": true} {
		got, err := c.Call(t.Context(), Request{URL: strings.Replace(at, "127.0.0.1", host, 1)})
		if err != nil || got.Failed != failed {
			t.Errorf("%s: %+v %v", host, got, err)
		}
	}
}

// A proxy of the environment would look up names itself, out of sight.
func TestNoProxy(t *testing.T) {
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy)
	}
	at := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, "crm.internal 127.0.0.1", Dial{Resolver: resolver(t, [4]byte{127, 0, 0, 1})})
	if got, err := c.Call(t.Context(), Request{URL: strings.Replace(at, "127.0.0.1", "crm.internal", 1)}); err != nil || got.Failed {
		t.Errorf("%+v %v", got, err)
	}
}
