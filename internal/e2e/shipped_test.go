package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/journeys"
)

// shipped are the journeys that ship.
func shipped(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(journeys.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		data, err := journeys.Files.ReadFile(name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

const week = 7 * 24 * time.Hour

// A customer who leaves the same cart twice in a month is won back twice; twice in a week, once.
func TestCartAbandonedTwice(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: shipped(t), scale: 43200})
	address := h.customer("ana")
	cart := map[string]any{"cart_id": "k1", "total": 120}

	h.track("ana", "Cart Updated", "", cart)
	first := h.ended("cart-recovery/ana/k1", "abandoned")
	same(t, "mails of the first time", h.mail.subjects(address), []string{"Your cart is waiting"})
	same(t, "pushes of the first time", h.push.sent("device-ana"), []string{"Last call"})

	// Days go by; she comes back to her cart each of them.
	await(t, "a second entry", func() error {
		if len(h.track("ana", "Cart Updated", "", cart).Receipts[0].Entered) == 0 { // within a week
			return errors.New("not yet")
		}
		return nil
	})
	var second store.Enrolment
	await(t, "the second time ends", func() error {
		all := h.enrolments("cart-recovery/ana/k1")
		if second = all[len(all)-1]; len(all) != 2 || second.State != store.StateClosed {
			return fmt.Errorf("%d entries, the last is %s at %q since %s until %s", len(all), second.State, second.Step, second.Since, second.Until)
		}
		return nil
	})
	same(t, "mails of both", h.mail.subjects(address), []string{"Your cart is waiting", "Your cart is waiting"})
	if apart := second.EnteredAt.Sub(first.EnteredAt); apart < week || apart > 31*week/7 {
		t.Errorf("the entries are %s apart, want between a week and a month", apart)
	}
	if keys := h.mail.sent(address); keys[0].key == keys[1].key {
		t.Error("both mails have the same key")
	}
}
