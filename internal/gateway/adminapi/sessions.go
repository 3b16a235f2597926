package adminapi

import (
	"cmp"
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// Sessions are the signed-in browsers.
type Sessions interface {
	Sessions(ctx context.Context, wall time.Time, limit int) ([]access.Session, error)
	EndSession(ctx context.Context, id string) error
	EndSessions(ctx context.Context, subject string) (int64, error)
}

// Standing returns who a session is now; the zero Principal: it is over.
type Standing func(context.Context, access.Session) (auth.Principal, error)

func (h *Handlers) listSessions(ctx context.Context, in *api.SessionFilter) (*api.SessionList, error) {
	rows, err := h.rooms.Sessions.Sessions(ctx, h.Wall(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &api.SessionList{Sessions: []api.Session{}}
	for _, s := range rows {
		p, err := h.standing(ctx, s)
		if err != nil {
			return nil, err
		}
		if p.Role == access.Nobody {
			continue // it ends when somebody uses it
		}
		out.Sessions = append(out.Sessions, api.Session{
			ID: s.ID, Way: s.Way, Subject: s.Subject, Name: s.Name, Role: string(p.Role), Queues: p.Queues, Peer: s.Peer,
			Created: s.Created, Seen: s.Seen, Ends: s.Ends,
		})
	}
	return out, nil
}

func (h *Handlers) endSessions(ctx context.Context, in *api.SessionInput) (*api.SessionCount, error) {
	given := 0
	for _, set := range []bool{in.Body.ID != "", in.Body.Subject != "", in.Body.All} {
		if set {
			given++
		}
	}
	if given != 1 {
		return nil, web.Bad("id", "or subject or all must be given, one of them")
	}
	audit.Of(ctx).Object("session", cmp.Or(in.Body.Subject, in.Body.ID, "all"))
	n, err := int64(1), error(nil)
	if in.Body.ID != "" {
		err = h.rooms.Sessions.EndSession(ctx, in.Body.ID)
	} else {
		n, err = h.rooms.Sessions.EndSessions(ctx, in.Body.Subject)
	}
	if err != nil {
		return nil, err
	}
	if n == 0 && !in.Body.All {
		return nil, web.NotFound("not_found", "subject", "nobody with this subject is signed in")
	}
	h.Log.Info("sessions were ended", zap.Int64("sessions", n), zap.String("subject", in.Body.Subject),
		zap.String("by", auth.PrincipalOf(ctx).Subject))
	return &api.SessionCount{Count: n}, nil
}
