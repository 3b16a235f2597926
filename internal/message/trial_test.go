package message_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A test is one row, whatever is asked twice; an attempt that never came back is repeated after its lease, with a new token.
func TestTrials(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		t, ctx, room := s.T, s.Ctx, s.Messages
		now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
		key := message.TrialKey("r1", "email", "Me@example.com ")
		if key != message.TrialKey("r1", "email", "me@example.com") {
			t.Error("one address has two keys")
		}
		row := message.Trial{
			Key: key, Message: "cart", Channel: "email", Address: "Me@example.com", Fields: map[string]string{"subject": "Hi"},
		}
		for range 2 {
			if err := room.AddTrials(ctx, now, 1, []message.Trial{row}); err != nil {
				t.Fatal(err)
			}
		}
		first, err := room.TakeTrial(ctx, now, key, time.Minute)
		if err != nil || first.Address != "Me@example.com" || first.Fields["subject"] != "Hi" {
			t.Fatalf("%+v, %v", first, err)
		}
		if _, err := room.TakeTrial(ctx, now, key, time.Minute); !errors.Is(err, message.ErrBusy) {
			t.Errorf("leased twice: %v", err)
		}
		second, err := room.TakeTrial(ctx, now.Add(2*time.Minute), key, time.Minute)
		if err != nil || second.Token != first.Token+1 {
			t.Fatalf("%+v, %v", second, err)
		}
		failed := message.Settlement{Status: contract.StatusFailed, Reason: "late"}
		sent := message.Settlement{Status: contract.StatusSent, ProviderID: "p1"}
		if err := errors.Join(room.SettleTrial(ctx, now, first, failed), room.SettleTrial(ctx, now, second, sent)); err != nil {
			t.Fatal(err)
		}
		rows, err := room.Trials(ctx, []string{key})
		if err != nil || len(rows) != 1 || rows[0].Status != contract.StatusSent || rows[0].Address != "me@example.com" {
			t.Errorf("%+v, %v", rows, err)
		}
		if done, err := room.TakeTrial(ctx, now, key, time.Minute); err != nil || done.Status != contract.StatusSent || done.Fields != nil {
			t.Errorf("after it was sent: %+v, %v", done, err)
		}
	})
}
