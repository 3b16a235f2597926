package journey

import (
	"sync"
	"time"
)

// zones are the time zones that were looked up: name → *time.Location.
var zones sync.Map

// Zone is a time zone by its IANA name. ok is false for what is none, and for "Local": the machine's own zone
// is nobody's.
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
