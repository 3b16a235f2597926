package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

type object = map[string]any

// takeOver links an anonymous customer whose address a form or an app has set to a user, with the web key.
func takeOver(ctx context.Context, t *target) (string, error) {
	bad := object{"email": "mallory@evil.example", "phone": "+15005550006", "push_token": "evil", "consent": object{"marketing": false}}
	var seen []string
	for _, way := range []struct {
		name, path string
		call       object
	}{
		{"identify", "identify", object{"userId": "v-identify", "anonymousId": "mal-identify"}},
		{"alias", "alias", object{"userId": "v-alias", "previousId": "mal-alias"}},
		{"batch", "batch", object{"batch": []any{object{"type": "identify", "userId": "v-batch", "anonymousId": "mal-batch"}}}},
	} {
		if err := t.all(ctx, [2]any{"identify", object{"userId": "v-" + way.name, "traits": object{"first_name": "V", "consent": object{
			"marketing": true}}}}, [2]any{"identify", object{"anonymousId": "mal-" + way.name, "traits": bad}}); err != nil {
			return "", err
		}
		got, err := t.web(ctx, way.path, way.call)
		if err != nil {
			return "", err
		}
		traits, err := t.traits(ctx, "v-"+way.name)
		if err != nil {
			return "", err
		}
		consent, _ := traits["consent"].(object)
		if traits["email"] != nil || traits["phone"] != nil || traits["push_token"] != nil || consent["marketing"] != true {
			return "", fmt.Errorf("%s is answered %v, and the user's traits are %v", way.name, got, traits)
		}
		seen = append(seen, fmt.Sprintf("%s %d", way.name, got.status))
	}
	return strings.Join(seen, ", ") + "; the user has none of the stranger's traits", nil
}

// squatID uses a message id with the web key before a server does.
func squatID(ctx context.Context, t *target) (string, error) {
	if _, err := t.web(ctx, "page", object{"anonymousId": "squatter", "messageId": "order-1001"}); err != nil {
		return "", err
	}
	order := object{"userId": "victim1", "event": "Order Completed", "properties": object{"total": 99}, "messageId": "order-1001"}
	got, err := t.server(ctx, "track", order)
	if err != nil {
		return "", err
	}
	n, err := t.count(ctx, `select count(*) from events where customer = 'victim1' and name = 'Order Completed'`)
	if err != nil || got.status != http.StatusOK || n != 1 || strings.Contains(got.body, `"duplicate":true`) {
		return "", fmt.Errorf("the order is answered %v, and %d are stored: %w", got, n, orNil(err))
	}
	order["userId"] = "victim1b"
	again, err := t.server(ctx, "track", order)
	if err != nil || again.status == http.StatusOK && !strings.Contains(again.body, "warning") {
		return "", fmt.Errorf("the order's id with another customer is answered %v: %w", again, orNil(err))
	}
	return fmt.Sprintf("the order is stored; its id with another customer is answered %d", again.status), nil
}

// orNil makes a nil error printable by %w.
func orNil(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

// readInbox takes a token for an anonymous inbox, and links the anonymous id to a user with the web key.
func readInbox(ctx context.Context, t *target) (string, error) {
	if err := t.all(ctx, [2]any{"identify", object{"userId": "victim3", "traits": object{"first_name": "V3SECRET"}}},
		[2]any{"page", object{"anonymousId": "mal5"}}, [2]any{"track", object{"userId": "victim3", "event": "Atk App"}}); err != nil {
		return "", err
	}
	if err := until(ctx, "the user's message", func() (bool, error) {
		got, err := t.call(ctx, "GET", "/v1/inbox/victim3", serverKey, nil)
		return strings.Contains(got.body, "V3SECRET"), err
	}); err != nil {
		return "", err
	}
	got, err := t.call(ctx, "POST", "/v1/inbox/anon:mal5/token", serverKey, nil)
	if err != nil {
		return "", err
	}
	if got.status != http.StatusOK && got.status != http.StatusCreated {
		return fmt.Sprintf("there is no token for an anonymous id: %d", got.status), nil
	}
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(got.body), &token); err != nil {
		return "", err
	}
	linked, err := t.web(ctx, "identify", object{"anonymousId": "mal5", "userId": "victim3"})
	if err != nil {
		return "", err
	}
	for _, id := range []string{"anon:mal5", "mal5", "victim3"} {
		read, err := t.call(ctx, "GET", "/v1/inbox/"+id, token.Token, nil)
		if err != nil || strings.Contains(read.body, "V3SECRET") {
			return "", fmt.Errorf("the token reads %s: %v, %w", id, read, orNil(err))
		}
	}
	return fmt.Sprintf("the link is answered %d, and the token reads nothing", linked.status), nil
}

// flood sends batches of page views of new visitors.
func flood(ctx context.Context, t *target) (string, error) {
	refused := 0
	for n := range 20 {
		var batch []any
		for i := range 1000 {
			batch = append(batch, object{"type": "page", "anonymousId": fmt.Sprintf("flood-%d-%d", n, i)})
		}
		got, err := t.web(ctx, "batch", object{"batch": batch})
		if err != nil {
			return "", err
		}
		if got.is(http.StatusTooManyRequests) {
			refused++
		}
	}
	made, err := t.count(ctx, `select count(*) from customers where id like 'anon:flood-%'`)
	if err != nil || made > 5000 || refused < 15 {
		return "", fmt.Errorf("%d profiles were made, %d of 20 batches refused: %w", made, refused, orNil(err))
	}
	if err := t.all(ctx, [2]any{"page", object{"anonymousId": "not-the-flood"}}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of 20,000 profiles were made, %d of 20 batches were answered 429, a server key was served", made, refused), nil
}

// impersonate sends events in a user's name, and points an anonymous id that is bound to somebody else.
func impersonate(ctx context.Context, t *target) (string, error) {
	if err := t.all(ctx, [2]any{"identify", object{"userId": "victim2"}},
		[2]any{"identify", object{"userId": "victim4", "anonymousId": "browser4"}}); err != nil {
		return "", err
	}
	page, err := t.web(ctx, "page", object{"userId": "victim2", "name": "Cancel Contract", "timestamp": "1970-01-02T00:00:00Z"})
	if err != nil {
		return "", err
	}
	n, err := t.count(ctx, `select count(*) from events where customer = 'victim2' and name = 'Page Viewed'`)
	if err != nil || n != 0 {
		return "", fmt.Errorf("a page view in a user's name is stored: %v, %w", page, orNil(err))
	}
	link, err := t.web(ctx, "identify", object{"userId": "mallory4", "anonymousId": "browser4"})
	if err != nil {
		return "", err
	}
	n, err = t.count(ctx, `select count(*) from customers where id = 'anon:browser4' and merged_into = 'victim4'`)
	if err != nil || n != 1 {
		return "", fmt.Errorf("the device of a user is another user's: %v, %w", link, orNil(err))
	}
	return fmt.Sprintf("the page view is answered %d, the link %d, and both changed nothing of the users", page.status, link.status), nil
}

// escapes puts terminal escapes into ids, and looks at what the command prints.
func escapes(ctx context.Context, t *target) (string, error) {
	for _, id := range []string{"e\x1b[31mRED", "e\x1b]0;pwn\x07", "e\u009b31m", "e\r\nx"} {
		for _, call := range []object{{"userId": id, "event": "Cart Updated"}, {"userId": "e", "anonymousId": id, "event": "Cart Updated"},
			{"userId": "e", "event": "Cart Updated", "messageId": id}} {
			got, err := t.server(ctx, "track", call)
			if err != nil {
				return "", err
			}
			if got.status == http.StatusOK {
				return "", fmt.Errorf("%q is taken: %v", call, got)
			}
		}
	}
	evil := "Evil \x1b[31mRED\x1b]0;pwn\x07\u202eDER"
	if err := t.all(ctx, [2]any{"track", object{"userId": "esc", "event": "Cart Updated", "properties": object{"cart_id": evil,
		"total": 60}}}); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"list", "--customer", "esc"}, {"status", "cart-recovery/esc/" + url.PathEscape(evil)},
		{"rejected", "list"}, {"status", evil}} {
		out, _ := t.command("tabi", args...).CombinedOutput() //nolint:errcheck // it may find nothing
		if strings.ContainsAny(string(out), "\x1b\x07\u202e") {
			return "", fmt.Errorf("tabi %s prints escapes: %q", args[0], out)
		}
	}
	return "ids with control characters are refused, and the command quotes those of keys", nil
}
