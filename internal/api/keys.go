package api

import (
	"net/http"
	"time"
)

// APIKey is an API key of the store, without its secret. Times are of the wall clock.
type APIKey struct {
	ID        string     `json:"id"`
	Name      string     `json:"name" doc:"what uses it"`
	Kind      string     `json:"kind" enum:"server,web,token"`
	Hint      string     `json:"hint" doc:"how the secret begins"`
	Events    []string   `json:"events,omitempty" doc:"web: what it may track"`
	Traits    []string   `json:"traits,omitempty" doc:"web: the top-level traits it may set"`
	Routes    []string   `json:"routes,omitempty" doc:"server: track, mail, inbox, decide; none: all"`
	Role      string     `json:"role,omitempty" doc:"token"`
	Queues    []string   `json:"queues,omitempty" doc:"token of an agent; none: all"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by,omitempty"`
	UsedAt    *time.Time `json:"used_at,omitempty" doc:"to the minute; missing: never"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"missing: never"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	RevokedBy string     `json:"revoked_by,omitempty"`
}

// APIKeyList has API keys in the order of creation.
type APIKeyList struct {
	Keys []APIKey `json:"keys"`
}

// APIKeyFilter is the input of ListKeys.
type APIKeyFilter struct {
	All bool `query:"all" doc:"also keys that have expired or were revoked"`
}

// CreateKeyInput is the input of CreateKey.
type CreateKeyInput struct{ Body CreateKeyRequest }

// CreateKeyRequest describes a new API key.
type CreateKeyRequest struct {
	Name      string   `json:"name" minLength:"1" maxLength:"80" doc:"what uses it; no other live key has it"`
	Kind      string   `json:"kind" enum:"server,web,token"`
	Events    []string `json:"events,omitempty" maxItems:"200" doc:"web: what it may track"`
	Traits    []string `json:"traits,omitempty" maxItems:"200" doc:"web: the top-level traits it may set"`
	Routes    []string `json:"routes,omitempty" maxItems:"10" doc:"server: track, mail, inbox, decide; none: all"`
	Role      string   `json:"role,omitempty" doc:"token"`
	Queues    []string `json:"queues,omitempty" maxItems:"200" doc:"token of an agent; none: all"`
	ExpiresIn int64    `json:"expires_in,omitempty" minimum:"0" maximum:"315360000" doc:"seconds; 0: it does not expire"`
}

// IssuedKey is a new API key with what is shown once.
type IssuedKey struct {
	Key    APIKey `json:"key"`
	Secret string `json:"secret" doc:"shown once"`
	Proof  string `json:"proof,omitempty" doc:"web: the secret by which the site's server makes userHash; shown once"`
}

// RotateKeyInput is the input of RotateKey.
type RotateKeyInput struct {
	Key  string `path:"key" maxLength:"255" doc:"id or name of a live key"`
	Body RotateKeyRequest
}

// RotateKeyRequest says how long the old key stays valid.
type RotateKeyRequest struct {
	Overlap int64 `json:"overlap" minimum:"0" maximum:"31536000" doc:"seconds for which both keys are valid"`
}

// RotatedKey is a new API key, and the old one with the time at which it ends.
type RotatedKey struct {
	Old APIKey    `json:"old"`
	New IssuedKey `json:"new"`
}

// KeyInput names an API key.
type KeyInput struct {
	Key string `path:"key" maxLength:"255" doc:"id or name of a live key"`
}

// The endpoints of API keys.
var (
	CreateKey = Endpoint[CreateKeyInput, IssuedKey]{
		ID: "createKey", Method: http.MethodPost, Path: "/v1/admin/keys", Errors: []int{http.StatusConflict},
		Summary: "Create an API key; the response is the only place where its secret is",
	}
	ListKeys = Endpoint[APIKeyFilter, APIKeyList]{
		ID: "listKeys", Method: http.MethodGet, Path: "/v1/admin/keys", Summary: "List the API keys that are live, or all",
	}
	RotateKey = Endpoint[RotateKeyInput, RotatedKey]{
		ID: "rotateKey", Method: http.MethodPost, Path: "/v1/admin/keys/{key}/rotate",
		Errors:  []int{http.StatusNotFound, http.StatusConflict},
		Summary: "Make a second API key like this one; both are valid until the old one ends",
	}
	RevokeKey = Endpoint[KeyInput, APIKey]{
		ID: "revokeKey", Method: http.MethodPost, Path: "/v1/admin/keys/{key}/revoke",
		Errors:  []int{http.StatusNotFound, http.StatusConflict},
		Summary: "End an API key now; other processes notice within seconds",
	}
)
