package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Call renders an HTTP call for this customer and makes one attempt at it. The store keeps the whole response for
// templates. What is returned enters the workflow's history, so it holds of the body only what expressions read. An
// attempt that may be repeated is an error.
func (a *Activities) Call(ctx context.Context, in contract.Call) (contract.CallResult, error) {
	vars, err := a.cfg.Rooms.Variables.View(ctx, a.cfg.Now(in.Clock), in.Ref, in.EvalContext)
	if err != nil {
		return contract.CallResult{}, asSupersededError(err)
	}
	result, err := a.request(ctx, in, vars)
	if err != nil {
		return contract.CallResult{}, err
	}
	if result.Failed {
		a.cfg.Logger.Info(
			"HTTP call failed",
			zap.String("journey", in.Journey),
			zap.String("step", in.Step),
			zap.String("key", in.Key),
			zap.String("reason", result.Reason),
		)
	}
	// The response is stored with a context of its own: a request that was made must be recorded even when the
	// attempt's time is over.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.LocalTimeout)
	defer cancel()
	if err := a.cfg.Rooms.Variables.KeepResponse(keep, a.cfg.Now(in.Clock), in, result); err != nil {
		return contract.CallResult{}, asPermanentError(err)
	}
	result.Body = projectBody(result.Body, in.Reads)
	return result, nil
}

// request renders the call and makes it. A call that cannot be rendered for this customer has failed for good.
func (a *Activities) request(ctx context.Context, in contract.Call, vars expr.Vars) (contract.CallResult, error) {
	r, err := renderCall(ctx, in.Spec, vars, render.Options{Odd: a.logOdd([]zap.Field{
		zap.String("journey", in.Journey), zap.String("step", in.Step), zap.String("key", in.Key),
	})})
	var bad *render.Error
	switch {
	case err != nil && ctx.Err() != nil:
		return contract.CallResult{}, ctx.Err()
	case errors.As(err, &bad):
		return contract.CallResult{Failed: true, Reason: ReasonTemplate + ": " + bad.Error()}, nil
	case err != nil:
		return contract.CallResult{}, err
	}
	r.Step, r.Key = in.Step, in.Key
	return a.callOut(ctx, r)
}

// renderCall renders address, headers and body with the customer's values.
func renderCall(ctx context.Context, spec journey.Call, vars expr.Vars, opts render.Options) (CallRequest, error) {
	r := CallRequest{Method: spec.Method, Timeout: spec.Timeout, Headers: make(map[string]string, len(spec.Headers)+1)}
	var err error
	if r.URL, err = render.Raw(ctx, "url", spec.URL, vars, opts); err != nil {
		return r, err
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Headers)) {
		if r.Headers[name], err = render.Raw(ctx, "headers."+name, spec.Headers[name], vars, opts); err != nil {
			return r, err
		}
	}
	if spec.JSON == nil {
		body, err := render.Raw(ctx, "body", spec.Body, vars, opts)
		r.Body = []byte(body)
		return r, err
	}
	filled, err := renderJSON(ctx, "body", spec.JSON, vars, opts)
	if err != nil {
		return r, err
	}
	if r.Body, err = json.Marshal(filled); err != nil {
		return r, &render.Error{Field: "body", Cause: "cannot be written as JSON"}
	}
	if len(r.Body) > render.MaxField {
		return r, &render.Error{Field: "body", Cause: fmt.Sprintf("comes out longer than %d KiB", render.MaxField>>10)}
	}
	return r, nil
}

// renderJSON renders the strings in a JSON value; field is its place, for errors.
func renderJSON(ctx context.Context, field string, value any, vars expr.Vars, opts render.Options) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		return render.Raw(ctx, field, v, vars, opts)
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			if list[i], err = renderJSON(ctx, field+"["+strconv.Itoa(i)+"]", one, vars, opts); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		m := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if m[key], err = renderJSON(ctx, field+"."+key, v[key], vars, opts); err != nil {
				return nil, err
			}
		}
		return m, nil
	}
	return value, nil
}

// projectBody returns the parts of a body that expressions read.
func projectBody(body any, reads []string) any {
	if len(reads) == 0 {
		return nil
	}
	if fields, ok := body.(map[string]any); ok {
		return journey.Project(fields, reads)
	}
	if slices.Contains(reads, "*") {
		return body
	}
	return nil // not an object: the fields that expressions read are missing
}
