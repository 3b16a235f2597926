// Package api has the paths and types of the admin API, shared by the gateway, which serves it, and the command line, which
// calls it. Times are virtual, RFC 3339, UTC.
package api

// Paths of the admin API.
const (
	AdminStart       = "/v1/admin/start"
	AdminCommand     = "/v1/admin/command"
	AdminPause       = "/v1/admin/pause"
	AdminEnrollments = "/v1/admin/enrollments"
	AdminStatus      = "/v1/admin/status"
	AdminCounts      = "/v1/admin/counts"
)

// What was set aside: deliveries that Temporal or an instance refuses for good.
//
//	GET  /v1/admin/aside  ?workflow_id= &after= &limit= → AsideList
//	POST /v1/admin/retry  RetryRequest → RetryResponse
const (
	AdminAside = "/v1/admin/aside"
	AdminRetry = "/v1/admin/retry"
)

// AdminDecide previews a decision with its funnel: GET ?customer= &group= or &actions= (repeated) &channel= →
// DecisionView (404: no such customer, group or action).
const AdminDecide = "/v1/admin/decide"

// Paths of the admin API of safe edits.
const (
	AdminStanding = "/v1/admin/standing"
	AdminMigrate  = "/v1/admin/migrate"
	AdminMoves    = "/v1/admin/moves"
)

// AdminJourneys is where the numbers of a journey are: GET AdminJourneys + "/<name>" → JourneyNumbers (404: no
// such journey).
const AdminJourneys = "/v1/admin/journeys"

// AdminReport is what came of the offers: GET AdminReport ?since=30d → Report. since is a duration of virtual
// time before now; default 30d, "all" for all time.
const AdminReport = "/v1/admin/report"
