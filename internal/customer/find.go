package customer

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// findLimit bounds the customers that Find returns.
const findLimit = 20

// Find returns the customers with an e-mail address or phone number, by id, at most 20. Case does not count in an address, nor do
// spaces and punctuation in a number. Traits have no index: it reads all profiles, so bound ctx. It looks at all that fit, not at the first
// ones: anybody can make profiles which have somebody's address in another trait.
func (s *Room) Find(ctx context.Context, text string) ([]Customer, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" || len(text) > 512 {
		return nil, nil
	}
	wanted := map[string]bool{text: true, digits(text): true}
	var out []Customer
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var c Customer
		var traits string
		if err := r.Scan(&c.ID, &traits); err != nil {
			return err
		}
		var err error
		if c.Traits, err = sqldb.Object(traits); err != nil {
			return err
		}
		for _, trait := range []string{"email", "phone"} {
			value, _ := c.Traits[trait].(string)
			if value != "" && (wanted[strings.ToLower(value)] || wanted[digits(value)]) && len(out) < findLimit {
				out = append(out, c)
				return nil
			}
		}
		return nil
	}, `select id, traits from customers where merged_into = '' and (lower(traits) like $1 escape '!' or lower(traits) like $2 escape '!')
		order by id`, `%"email":"`+within(text)+`"%`, `%"phone":"%`+within(tail(digits(text), text))+`%`)
	return out, sqldb.DatabaseError(err)
}

// UserWithMailbox returns the id of the user who has a mailbox, by its key: "" if no user has it, or more than one. Visitors do not count.
// Traits have no index: it reads all profiles, so bound ctx.
func (s *Room) UserWithMailbox(ctx context.Context, mailbox string) (user string, err error) {
	at := strings.LastIndexByte(mailbox, '@')
	if at <= 0 {
		return "", nil
	}
	var found []string
	err = sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var id, text string
		if err := r.Scan(&id, &text); err != nil || event.Anonymous(id) {
			return err
		}
		traits, err := sqldb.Object(text)
		if err == nil && slices.Contains(KeysOf(address.Mailbox, traits), mailbox) && len(found) < 2 {
			found = append(found, id)
		}
		return err
	}, `select id, traits from customers where merged_into = '' and lower(traits) like $1 escape '!'`, `%`+within(mailbox[:at+1])+`%`)
	if err != nil || len(found) != 1 {
		return "", sqldb.DatabaseError(err)
	}
	return found[0], nil
}

// within returns a pattern for a text in a value of the traits.
func within(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return ""
	}
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(string(quoted[1 : len(quoted)-1]))
}

// digits returns a phone number without spaces and punctuation; other text as it is.
func digits(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9', r == '+' && out.Len() == 0:
			out.WriteRune(r)
		case !strings.ContainsRune(" -()./", r):
			return text
		}
	}
	return out.String()
}

// tail returns the last digits of a number, which a stored number has together, however it is grouped; other text as it is.
func tail(number, text string) string {
	if number == text && strings.ContainsAny(text, "@") || len(number) < 6 {
		return text
	}
	return number[len(number)-4:]
}
