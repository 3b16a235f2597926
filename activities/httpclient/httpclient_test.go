package httpclient

import (
	"net/netip"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "soon": 0, "999999999999": 24 * time.Hour, "99999999999999999999": 0,
		"Mon, 02 Mar 2026 10:00:30 GMT": 30 * time.Second, "Mon, 02 Mar 2026 09:00:00 GMT": 0,
		"Monday, 02-Mar-26 10:01:00 GMT": time.Minute,
	} {
		if got := RetryAfter(header, now); got != want {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, private := range []string{
		"127.0.0.1", "127.255.0.9", "::1", "0.0.0.0", "::", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"100.64.0.1", "100.127.255.254",
		"169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "239.1.1.1", "ff02::1",
		"255.255.255.255", "240.0.0.1",
		"fe80::1", "fe80::1%eth0", "fd00::1", "fc00::1", "fd00:ec2::254", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
		"::ffff:169.254.169.254", "::127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::", "2001::1", "2001:db8::1", "100::1",
		"::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "5f00::1", "5fff::1", "3fff::1", "3fff:fff::1", "2001:2::1", "2001:10::1", "2001:20::1",
		"2001:1::1", "4000::1", "1fff::1", "e000::1", "::8.8.8.8", "64:ff9b::808:808",
		"192.88.99.1", "198.18.0.1",
		"192.0.2.1", "198.51.100.1", "203.0.113.1",
	} {
		if Public(netip.MustParseAddr(private)) {
			t.Errorf("%s counts as public", private)
		}
	}
	for _, public := range []string{"1.1.1.1", "8.8.8.8", "::ffff:8.8.8.8", "172.32.0.1", "100.128.0.1", "192.167.0.1",
		"2606:4700:4700::1111", "2001:4860:4860::8888", "2001:200::1", "2a00:1450:4001::1", "3ffe::1", "2003::1"} {
		if !Public(netip.MustParseAddr(public)) {
			t.Errorf("%s does not count as public", public)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address counts as public")
	}
}
