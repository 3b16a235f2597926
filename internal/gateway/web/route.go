// Package web has what the parts of the gateway share: routes with their access, errors, and reading of request bodies within
// limits.
package web

import "net/http"

// Access is what a route requires of its caller. The gateway checks it before the handler runs, except where noted.
type Access int

// The kinds of access.
const (
	Anyone    Access = iota // shows and changes no customer; or the link itself is the permission
	WriteKey                // a write key, which may be in the body: the handler checks it
	Reader                  // a server key, or a token of the user in the request: the handler checks it
	ServerKey               // a server key in the headers
	Page                    // an agent: session or bearer token; browsers are sent to sign in
	Form                    // as Page, and the request must not come from another site
	Metrics                 // an agent's or admin's bearer token, or session
	Admin                   // an admin's bearer token
	DevOnly                 // served in dev only
)

// Route is one line of the table of routes.
type Route struct {
	Method string
	Path   string // pattern of http.ServeMux, without the method
	Access Access
	CORS   bool // may be called from pages of other sites
	Handle http.HandlerFunc
}
