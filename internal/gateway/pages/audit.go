package pages

import (
	"net/http"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// auditShown is how many entries of the audit log a page shows.
const auditShown = 20

// auditView is the part of a page that says what people did with a customer or a journey.
type auditView struct {
	May     bool // the viewer may see it
	Entries []audit.Entry
	More    bool // there are older ones
}

// readAudit reads the latest entries for a viewer who may see them.
func (p *Pages) readAudit(r *http.Request, f audit.Filter) (v auditView, err error) {
	if !auth.PrincipalOf(r.Context()).May(access.AuditRead) {
		return v, nil
	}
	f.Limit = auditShown + 1
	v.May = true
	if v.Entries, err = p.rooms.Audit.List(r.Context(), f); len(v.Entries) > auditShown {
		v.Entries, v.More = v.Entries[:auditShown], true
	}
	return v, err
}
