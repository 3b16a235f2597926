// Package api is the contract of the HTTP API: the endpoints of the admin API with their inputs and outputs, and the types of the
// public endpoints. The gateway serves them, docs/openapi.yaml is generated from them, and the command line calls them, so that
// a path, a parameter or a field is written once (docs/decisions/0013). Times are virtual unless noted, RFC
// 3339, in UTC.
package api
