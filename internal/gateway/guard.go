package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/tracing"
)

// guard puts a route's access rule before its handler.
func (g *Gateway) guard(r web.Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.CORS {
			g.allowOrigin(w, req, r.Access)
		}
		switch r.Access {
		case web.ServerKey:
			if err := g.auth.ServerKey(req); err != nil {
				web.WriteError(w, err)
				return
			}
		case web.Program, web.Scrape:
			caller, err := g.auth.Identify(req)
			if err != nil {
				web.WriteError(w, err)
				return
			}
			if r.Access == web.Program && caller.Kind == auth.KindSession {
				// the API is for programs: a cookie opens pages only
				if caller, err = g.auth.Open(req); err != nil {
					web.WriteError(w, err)
					return
				}
			}
			if caller.Role == access.Nobody {
				web.WriteError(w, web.Unauthorized("this needs a token: Authorization: Bearer <token>"))
				return
			}
			callerIs(req.Context(), caller)
			req = auth.WithPrincipal(req, caller)
			if !caller.May(r.Needs) {
				web.WriteError(w, web.Forbidden("", lacks(caller.Role, r.Needs)))
				return
			}
		case web.Page, web.Form:
			caller, err := g.auth.Identify(req)
			if err != nil && err.Status != http.StatusUnauthorized {
				g.pages.Refused(w, req, err)
				return
			}
			if caller.Role == access.Nobody {
				req.Body = http.MaxBytesReader(w, req.Body, 64<<10)
				g.pages.RequireSignIn(w, req)
				return
			}
			if caller.Stale && g.pages.AskAgain(w, req, caller) {
				return
			}
			callerIs(req.Context(), caller)
			req = auth.WithPrincipal(req, caller)
			if !caller.May(r.Needs) {
				g.pages.Problem(w, req, http.StatusForbidden, "Not for your role", lacksInWords(caller.Role, r.Needs))
				return
			}
			if r.Access == web.Form {
				req.Body = http.MaxBytesReader(w, req.Body, 64<<10)
				if err := g.auth.CheckForm(req); err != nil {
					g.pages.Problem(w, req, err.Status, "Nothing was changed", err.Message)
					return
				}
			}
		case web.Anyone, web.WriteKey, web.Reader, web.DevOnly:
		}
		r.Handle(w, req)
	})
}

// lacks is the message to a caller whose role may not do this.
func lacks(role access.Role, needs access.Permission) string {
	return "the role " + string(role) + " may not do this: it lacks the permission " + string(needs)
}

// lacksInWords is the same for people.
func lacksInWords(role access.Role, needs access.Permission) string {
	return "Your role is " + string(role) + ". This page is for roles that may " + needs.Allows() + " (" + string(needs) +
		"). If you need it, ask the person who runs tabi."
}

// outer wraps all routes: headers, the dev guard, 404 and 405, panics, metrics and one log line.
func (g *Gateway) outer(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := g.Wall()
		rec := &recorder{ResponseWriter: w}
		r = web.Identified(rec, r)
		_, pattern := mux.Handler(r)
		ctx, span := tracing.Serve(r, method(r.Method), label(pattern))
		r = r.WithContext(context.WithValue(ctx, recorderKey{}, rec))
		defer func() {
			if failure := recover(); failure != nil {
				if failure == http.ErrAbortHandler {
					panic(failure)
				}
				g.Log.Error(
					"a handler panicked",
					zap.String("route", pattern),
					web.Logged(r.Context()),
					zap.String("panic", fmt.Sprintf("%T", failure)),
					zap.ByteString("stack", debug.Stack()),
				)
				if rec.status == 0 {
					web.WriteError(rec, &web.Error{
						Status: http.StatusInternalServerError, Code: "internal",
						Message: "the handler failed; the log has the reason",
					})
				}
			}
			tracing.Served(span, rec.result())
			g.refused(r, label(pattern), rec, began)
			took := g.Wall().Sub(began)
			g.requests.WithLabelValues(label(pattern), method(r.Method), fmt.Sprint(rec.result())).Observe(took.Seconds())
			g.Log.Debug(
				"request",
				zap.String("method", method(r.Method)),
				zap.String("route", label(pattern)),
				web.Logged(r.Context()),
				zap.Int("status", rec.result()),
				zap.Duration("took", took),
			)
		}()
		g.head(rec.Header(), r.URL.Path)
		if g.cfg.Dev {
			if f := g.auth.CheckDev(r); f != nil {
				web.WriteError(rec, f)
				return
			}
		}
		if pattern == "" {
			g.unrouted(rec, r, mux)
			return
		}
		mux.ServeHTTP(rec, r)
	})
}

// unrouted answers 404 or 405.
func (g *Gateway) unrouted(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	probe := &header{head: http.Header{}}
	mux.ServeHTTP(probe, r)
	f := &web.Error{Status: http.StatusNotFound, Code: "not_found", Message: "there is nothing at this path"}
	if probe.status == http.StatusMethodNotAllowed {
		f = &web.Error{Status: probe.status, Code: "method_not_allowed", Message: "this path accepts " + probe.head.Get("Allow")}
		w.Header().Set("Allow", probe.head.Get("Allow"))
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") || f.Status != http.StatusNotFound {
		web.WriteError(w, f)
		return
	}
	g.pages.Problem(w, r, f.Status, "Nothing here", "There is nothing at this address.")
}

// label bounds the number of metric labels.
func label(pattern string) string {
	if pattern == "" {
		return "none"
	}
	return pattern[strings.IndexByte(pattern, ' ')+1:]
}

func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions:
		return m
	}
	return "other"
}

// recorder records the status, and who the caller is.
type recorder struct {
	http.ResponseWriter
	status  int
	refused int            // what the status is in truth, where the answer is words; 0: the status
	caller  auth.Principal // zero: nobody, or a program with a write key
}

// result returns the status for metrics and the log.
func (r *recorder) result() int { return cmp.Or(r.refused, r.status) }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(data []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(data)
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// header keeps a response's status and headers and drops its body.
type header struct {
	head   http.Header
	status int
}

func (h *header) Header() http.Header { return h.head }

func (h *header) WriteHeader(s int) { h.status = s }

func (h *header) Write(b []byte) (int, error) {
	return len(b), nil
}
