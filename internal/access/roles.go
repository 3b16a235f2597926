// Package access has who may call and what callers may do: the roles of people and their permissions, and what is stored of
// callers. HTTP is in internal/gateway/auth, and the permission that each route needs is in internal/gateway/routes.go.
package access

import (
	"slices"
	"strings"
)

// Role is what a person, a token or an API key may do and see.
type Role string

// The roles, weakest first. A person in the groups of several roles has the last of them.
const (
	Nobody   Role = ""
	Reader   Role = "reader"   // watches journeys and numbers, sees customers without personal data
	Agent    Role = "agent"    // works on the hand-offs of queues, sees the customers in them
	Designer Role = "designer" // pauses journeys and moves enrollments, sees customers without personal data
	Operator Role = "operator" // runs tabi: acts on enrollments, hand-offs and customers
	Admin    Role = "admin"    // everything, also keys, sessions and the audit log
)

// Roles are all roles, weakest first.
var Roles = []Role{Reader, Agent, Designer, Operator, Admin}

// Permission is something that a role may do or see.
type Permission string

// The permissions; the table below says what each allows.
const (
	SignedIn          Permission = "signed_in"
	Metrics           Permission = "metrics"
	JourneysRead      Permission = "journeys.read"
	JourneysPause     Permission = "journeys.pause"
	JourneysMigrate   Permission = "journeys.migrate"
	MessagesTest      Permission = "messages.test"
	CustomersRead     Permission = "customers.read"
	CustomersList     Permission = "customers.list"
	CustomersPersonal Permission = "customers.personal"
	CustomersChange   Permission = "customers.change"
	CustomersExport   Permission = "customers.export"
	CustomersForget   Permission = "customers.forget"
	HandoffsWork      Permission = "handoffs.work"
	HandoffsAssign    Permission = "handoffs.assign"
	EnrollmentsAct    Permission = "enrollments.act"
	RejectedCalls     Permission = "rejected_calls"
	PayloadsDecode    Permission = "payloads.decode"
	KeysManage        Permission = "keys.manage"
	SessionsManage    Permission = "sessions.manage"
	AuditRead         Permission = "audit.read"
)

// permissions is the table of roles: what each permission allows, and who has it.
var permissions = []struct {
	name   Permission
	allows string
	roles  []Role
}{
	{SignedIn, "open the pages that every role has", []Role{Reader, Agent, Designer, Operator, Admin}},
	{Metrics, "read `/metrics`", []Role{Reader, Agent, Designer, Operator, Admin}},
	{JourneysRead, "see journeys, their numbers and the report", []Role{Reader, Agent, Designer, Operator, Admin}},
	{JourneysPause, "pause and resume a journey", []Role{Designer, Operator, Admin}},
	{JourneysMigrate, "move open enrollments to another revision", []Role{Designer, Operator, Admin}},
	{MessagesTest, "send a test of a message to listed addresses", []Role{Designer, Operator, Admin}},
	{
		CustomersRead, "see a customer; an agent of queues sees those with a hand-off in them",
		[]Role{Reader, Agent, Designer, Operator, Admin},
	},
	{CustomersList, "list enrollments, hand-offs, dead letters and decisions", []Role{Reader, Designer, Operator, Admin}},
	{CustomersPersonal, "see personal data, which is masked otherwise", []Role{Agent, Operator, Admin}},
	{CustomersChange, "undo a merge, list and revive addresses", []Role{Operator, Admin}},
	{CustomersExport, "export all that is stored of a customer", []Role{Operator, Admin}},
	{CustomersForget, "erase a customer", []Role{Admin}},
	{HandoffsWork, "claim, release and resolve hand-offs in the inbox", []Role{Agent, Operator, Admin}},
	{HandoffsAssign, "act on hand-offs that others have claimed", []Role{Operator, Admin}},
	{EnrollmentsAct, "enroll, cancel, pause, resume, restart; dead letters", []Role{Operator, Admin}},
	{RejectedCalls, "read and drop refused calls, with what was in them", []Role{Operator, Admin}},
	{PayloadsDecode, "decrypt what the Temporal UI shows", []Role{Operator, Admin}},
	{KeysManage, "create, rotate and revoke API keys", []Role{Admin}},
	{SessionsManage, "see who is signed in, and end sessions", []Role{Admin}},
	{AuditRead, "read the audit log", []Role{Admin}},
}

// Permissions returns all permissions, in the order of the table.
func Permissions() []Permission {
	out := make([]Permission, len(permissions))
	for i, row := range permissions {
		out[i] = row.name
	}
	return out
}

// Allows returns what a permission allows, for pages and documents.
func (p Permission) Allows() string {
	for _, row := range permissions {
		if row.name == p {
			return row.allows
		}
	}
	return ""
}

// May reports whether a role has a permission. Nobody has any, and no role has a permission that is not in the table.
func (r Role) May(p Permission) bool {
	for _, row := range permissions {
		if row.name == p {
			return slices.Contains(row.roles, r)
		}
	}
	return false
}

// RoleNames lists the roles for people.
func RoleNames() string {
	names := make([]string, len(Roles))
	for i, r := range Roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// ParseRole returns the role of this name.
func ParseRole(text string) (Role, bool) {
	r := Role(strings.TrimSpace(text))
	return r, slices.Contains(Roles, r)
}

// Stronger returns the later of two roles in the list of roles.
func Stronger(a, b Role) Role {
	if slices.Index(Roles, b) > slices.Index(Roles, a) {
		return b
	}
	return a
}
