package localtime

import (
	"sync"
	"time"
)

// zones caches time zones: name → *time.Location.
var zones sync.Map

// Zone returns a time zone by its IANA name. It reports false for an unknown name and for "Local", which is the
// machine's zone and no customer's.
func Zone(name string) (zone *time.Location, ok bool) {
	if name == "" || name == "Local" {
		return nil, false
	}
	if found, ok := zones.Load(name); ok {
		return found.(*time.Location), true
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	zones.Store(name, zone)
	return zone, true
}
