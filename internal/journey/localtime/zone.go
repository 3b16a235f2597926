package localtime

import (
	"archive/zip"
	"bytes"
	_ "embed" // of the time zone database
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
)

// zoneinfo is the IANA time zone database as Go ships it (lib/time/zoneinfo.zip of the toolchain; TestDatabase says when
// to copy it again). Every time zone of tabi comes from it and never from the machine: two workers, or a worker and the
// laptop that runs the scenarios, would otherwise compute two moments, since operating systems update their own copies at
// different times, and containers often have none.
//
//go:embed zoneinfo.zip
var zoneinfo []byte

// database is the database by name in lower case.
var database = sync.OnceValue(func() map[string]*zip.File {
	archive, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		panic("the embedded time zone database cannot be read: " + err.Error())
	}
	files := make(map[string]*zip.File, len(archive.File))
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") && file.Name != "Factory" { // Factory means that nobody has set a zone
			files[strings.ToLower(file.Name)] = file
		}
	}
	return files
})

// zones caches time zones: name in lower case → *time.Location. Only names that exist are kept.
var zones sync.Map

// Zone returns a time zone by its IANA name, in any case, or by an offset from UTC, such as +09:00, -0330, UTC+9 or Z. The
// zone's String is the name to store. Zone reports false for any other text, and for "Local", which is the machine's zone
// and no customer's.
//
// This is the only way to a time zone: a rule of the house forbids time.LoadLocation and time.Local elsewhere.
func Zone(name string) (zone *time.Location, ok bool) {
	key := strings.ToLower(strings.TrimSpace(name))
	if found, ok := zones.Load(key); ok {
		return found.(*time.Location), true
	}
	if key == "utc" || key == "z" {
		return time.UTC, true
	}
	if zone, ok = load(key); !ok {
		zone, ok = fixed(key)
	}
	if ok {
		zones.Store(key, zone)
	}
	return zone, ok
}

// IANA reports whether name is a time zone of the IANA database, exactly as it spells it: what a file may name.
func IANA(name string) bool {
	file := database()[strings.ToLower(name)]
	return file != nil && file.Name == name
}

// load reads a zone from the database.
func load(key string) (*time.Location, bool) {
	file := database()[key]
	if file == nil {
		return nil, false
	}
	r, err := file.Open()
	if err != nil {
		return nil, false
	}
	defer func() { _ = r.Close() }() // it reads from memory
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, false
	}
	zone, err := time.LoadLocationFromTZData(file.Name, data)
	return zone, err == nil
}

// offset matches an offset from UTC: hours, and minutes with or without a colon. The sign may be absent before a colon, as
// in CEL.
var offset = regexp.MustCompile(`^(?:utc|gmt)?([+-−])(\d{1,2})(?::?([0-5]\d))?$|^()(\d{2}):([0-5]\d)$`)

// fixed returns the zone of an offset from UTC.
func fixed(key string) (*time.Location, bool) {
	m := offset.FindStringSubmatch(key)
	if m == nil {
		return nil, false
	}
	if m[2] == "" {
		m = m[3:]
	}
	hours, _ := strconv.Atoi(m[2])
	minutes, _ := strconv.Atoi(m[3])
	if hours > 23 {
		return nil, false
	}
	seconds, sign := hours*3600+minutes*60, "+"
	if m[1] == "-" || m[1] == "−" {
		seconds, sign = -seconds, "-"
	}
	if seconds == 0 {
		return time.UTC, true
	}
	return time.FixedZone(sign+twoDigits(hours)+":"+twoDigits(minutes), seconds), true
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// others are names that people and systems use for zones, and that the IANA database does not have: abbreviations, and
// names of Windows that do not begin with a city of the database.
var others = map[string]string{
	"jst": "Asia/Tokyo", "kst": "Asia/Seoul", "sgt": "Asia/Singapore", "hkt": "Asia/Hong_Kong", "ict": "Asia/Bangkok",
	"wib": "Asia/Jakarta", "pht": "Asia/Manila", "msk": "Europe/Moscow", "trt": "Europe/Istanbul",
	"bst": "Europe/London", "ist": "Asia/Kolkata", "cest": "Europe/Berlin", "mez": "Europe/Berlin", "mesz": "Europe/Berlin",
	"eest": "Europe/Athens", "west": "Europe/Lisbon", "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles",
	"pt": "America/Los_Angeles", "mdt": "America/Denver", "cst": "America/Chicago", "cdt": "America/Chicago",
	"ct": "America/Chicago", "edt": "America/New_York", "et": "America/New_York", "brt": "America/Sao_Paulo",
	"aest": "Australia/Sydney", "aedt": "Australia/Sydney", "awst": "Australia/Perth", "nzst": "Pacific/Auckland",
	"nzdt": "Pacific/Auckland", "china standard time": "Asia/Shanghai", "india standard time": "Asia/Kolkata",
	"korea standard time": "Asia/Seoul", "eastern standard time": "America/New_York", "central standard time": "America/Chicago",
	"mountain standard time": "America/Denver", "pacific standard time": "America/Los_Angeles",
	"w. europe standard time": "Europe/Berlin", "central europe standard time": "Europe/Budapest",
	"central european standard time": "Europe/Warsaw", "romance standard time": "Europe/Paris",
	"gmt standard time": "Europe/London", "greenwich standard time": "Atlantic/Reykjavik", "russian standard time": "Europe/Moscow",
	"gtb standard time": "Europe/Athens", "fle standard time": "Europe/Helsinki", "turkey standard time": "Europe/Istanbul",
	"israel standard time": "Asia/Jerusalem", "arabian standard time": "Asia/Dubai", "arab standard time": "Asia/Riyadh",
	"se asia standard time": "Asia/Bangkok", "aus eastern standard time": "Australia/Sydney",
	"e. south america standard time": "America/Sao_Paulo", "new zealand standard time": "Pacific/Auckland",
	"pacific sa standard time": "America/Santiago", "sa pacific standard time": "America/Bogota",
}

// Suggest returns the IANA name that a text most likely means, or "" if none is near: `Berlin`, `JST`, `europe/berlin`,
// `Tokyo Standard Time`, `Asia/Toyko`, `+09:00`.
func Suggest(name string) string {
	key := strings.ToLower(strings.TrimSpace(name))
	if file := database()[key]; file != nil {
		return file.Name
	}
	if known := others[key]; known != "" {
		return known
	}
	if zone, ok := fixed(key); ok {
		_, seconds := time.Time{}.In(zone).Zone()
		if seconds%3600 != 0 || seconds == 0 {
			return ""
		}
		if file := database()["etc/gmt"+strconv.FormatInt(int64(-seconds/3600), 10)]; file != nil {
			return file.Name
		}
		if file := database()["etc/gmt+"+strconv.FormatInt(int64(-seconds/3600), 10)]; file != nil {
			return file.Name // the signs of these names are those of POSIX: west is positive
		}
		return ""
	}
	city := strings.ReplaceAll(strings.TrimSuffix(key, " standard time"), " ", "_")
	var names []string
	for _, known := range sortedNames() {
		if area, place, found := strings.Cut(known, "/"); found && area != "Etc" && strings.ToLower(place) == city {
			return known
		}
		names = append(names, known)
	}
	return human.Suggest(name, names)
}

// sortedNames returns the names of the database in order.
var sortedNames = sync.OnceValue(func() []string {
	var names []string
	for _, file := range database() {
		names = append(names, file.Name)
	}
	slices.Sort(names)
	return names
})
