package store

import (
	"sync"
	"time"
)

// utc is the zone of a customer whose own is not known.
const utc = "UTC"

// zones are the time zones that were looked up: name → *time.Location.
var zones sync.Map

// location is a time zone by its IANA name.
func location(name string) (*time.Location, bool) {
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

// zone is the time zone that the database has of a customer.
func (p *person) zone() string { return zoneOf(p.stored) }

// zoneOf is the name of a customer's time zone; UTC where it is not known.
func zoneOf(traits map[string]any) string {
	name, _ := traits["timezone"].(string)
	if _, ok := location(name); !ok {
		return utc
	}
	return name
}
