package testservers

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are chosen below the system's own range, so that no outgoing connection takes one meanwhile, and below 32768,
// since the membership table of Temporal on PostgreSQL has no room for more.
const firstPort, lastPort = 20_000, 32_000

// given holds the ports that this process has returned: not all are bound yet.
var given sync.Map

// FreePort returns a port of 127.0.0.1 that nothing listens on, never the same one twice.
func FreePort() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp", Local(port))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("no free port between " + strconv.Itoa(firstPort) + " and " + strconv.Itoa(lastPort) + " on 127.0.0.1")
}

// Local returns the address of a port on this machine.
func Local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
