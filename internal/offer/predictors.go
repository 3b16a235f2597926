package offer

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Limits of the predictors of a decision: traits, event names and properties of the context.
const (
	maxTraits   = 48
	maxBehavior = 12
	maxContext  = 16
	maxSymbol   = 64 // bytes; a longer text is prose, not a symbol
)

// personal are traits that identify one customer and predict nothing about others, and groups, whose names are ids. No model learns them.
var personal = map[string]bool{
	"id": true, "email": true, "phone": true, "push_token": true, "name": true, "first_name": true, "last_name": true, "firstName": true,
	"lastName": true, "line_id": true, "web_push": true,
	"username": true, "address": true, "avatar": true, "title": true, "birthday": true, "groups": true,
}

// mostDigits is how many digits the name of a predictor has at most.
const mostDigits = 5

// named reports whether a model may keep the name of a predictor, since forgetting a customer leaves models alone: one with an @ or
// with many digits is rather an address or an id than the name of a trait or event.
func named(name string) bool {
	digits := 0
	for _, r := range name {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	return digits <= mostDigits && !strings.Contains(name, "@")
}

// predictors are the facts about a customer at a decision: name → float64 or string. An offer stores them as JSON until
// its outcome is learned.
type predictors map[string]any

// Predict returns the predictors of a customer: scalar traits, intents, the number of events by name within a day, a week
// and 30 days, the hour and the weekday in the customer's time zone, the days since the last send, and scalar properties
// of the current event (for an inbound decision, of its context).
func Predict(ctx context.Context, tx sqldb.Conn, customerID string, v expr.Vars, now time.Time) (predictors, error) {
	out := predictors{}
	traits := map[string]any{}
	for name, value := range v.Customer {
		if !personal[name] {
			flatten(traits, "customer."+name, value, 3)
		}
	}
	out.add(traits, maxTraits)
	properties := map[string]any{}
	for name, value := range v.Event {
		flatten(properties, "event."+name, value, 1)
	}
	out.add(properties, maxContext)
	for name, score := range v.Intent {
		out["intent."+name] = score
	}
	zone, _ := localtime.Zone(customer.ZoneOf(v.Customer))
	if zone == nil {
		zone = time.UTC
	}
	local := now.In(zone)
	out["hour"], out["weekday"] = float64(local.Hour()), localtime.Weekdays[(int(local.Weekday())+6)%7]
	if err := behaved(ctx, tx, out, customerID, now); err != nil {
		return nil, err
	}
	var last sql.NullInt64
	err := tx.QueryRowContext(ctx, `select max(at) from send_log where customer = $1 and status in ('sent', 'sending')`, customerID).
		Scan(&last)
	if last.Valid {
		out["days_since_contact"] = now.Sub(sqldb.Moment(last.Int64)).Hours() / 24
	}
	return out, err
}

// behaved counts the customer's events of the last 30 days.
func behaved(ctx context.Context, tx sqldb.Conn, out predictors, customerID string, now time.Time) error {
	const day = 24 * time.Hour
	type counts struct {
		name             string
		one, seven, many int64
	}
	var all []counts
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var c counts
		err := r.Scan(&c.name, &c.one, &c.seven, &c.many)
		all = append(all, c)
		return err
	}, `select name, sum(case when at > $3 then 1 else 0 end), sum(case when at > $4 then 1 else 0 end), count(*) from event_log
		where customer = $1 and at > $2 group by name order by count(*) desc, name limit $5`,
		customerID, sqldb.Millis(now.Add(-30*day)), sqldb.Millis(now.Add(-day)), sqldb.Millis(now.Add(-7*day)), maxBehavior)
	for _, c := range all {
		if !named(c.name) {
			continue
		}
		out["1d "+c.name], out["7d "+c.name], out["30d "+c.name] = float64(c.one), float64(c.seven), float64(c.many)
	}
	return err
}

// add adds the first n entries by name.
func (p predictors) add(from map[string]any, n int) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(from)), func(name string) bool { return !named(name) })
	for i, name := range names {
		if i == n {
			return
		}
		p[name] = from[name]
	}
}

// flatten adds scalars with dotted names, down to depth.
func flatten(into map[string]any, name string, value any, depth int) {
	switch value := value.(type) {
	case bool:
		into[name] = "no"
		if value {
			into[name] = "yes"
		}
	case float64:
		into[name] = value
	case json.Number: // a trend, if anything: a model computes
		if f, ok := number.Float(value); ok {
			into[name] = f
		}
	case string:
		if value != "" && len(value) <= maxSymbol {
			into[name] = value
		}
	case map[string]any:
		if depth > 1 {
			for under, inner := range value {
				flatten(into, name+"."+under, inner, depth-1)
			}
		}
	}
}

// text returns the predictors as an offer stores them.
func (p predictors) text() (string, error) { return sqldb.Text(p) }

func readPredictors(raw string) (predictors, error) {
	out := predictors{}
	return out, json.Unmarshal([]byte(raw), &out)
}
