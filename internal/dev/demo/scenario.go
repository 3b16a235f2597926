package main

import (
	"context"
	"time"
)

// customer is a customer of the demo.
type customer struct {
	id     string
	traits map[string]any
}

var customers = []customer{
	{"ana", map[string]any{"first_name": "Ana", "email": "ana@example.com", "push_token": "token-ana", "timezone": "Europe/Lisbon"}},
	{"ben", map[string]any{"first_name": "Ben", "email": "ben@example.com", "push_token": "token-ben", "timezone": "America/New_York"}},
	{
		"chie",
		map[string]any{
			"first_name": "千恵",
			"email":      "chie@example.com",
			"push_token": "token-chie",
			"timezone":   "Asia/Tokyo",
			"language":   "ja",
		},
	},
	{"dora", map[string]any{"first_name": "Dora", "timezone": "Europe/Berlin", "monthly_fee": 30, "tenure_days": 400}},
}

// runs are the enrollments of the demo, with the outcome that each must have.
var runs = []struct{ workflow, customer, journey, outcome string }{
	{"cart-recovery/ana/k1", "ana", "cart-recovery", "goal"},
	{"coupon-nudge/ana/c24", "ana", "coupon-nudge", "goal"},
	{"delivery-apology/ben/o7", "ben", "delivery-apology", "completed"},
	{"assisted-purchase/chie/k9", "chie", "assisted-purchase", "goal"},
	{"retention-or-reward/dora", "dora", "retention-or-reward", "goal"},
}

// offers are the retention offers that Dora may get: the decision chooses, and sometimes explores the other one.
var offers = []string{"A month on us", "Is this still the right plan for you?"}

// play plays the scenario: what the customers do, and what tabi does in response.
func (w *player) play(ctx context.Context) error {
	say("Ana leaves a cart behind, Ben's delivery fails, Chie cannot decide about an expensive cart, and Dora looks for a way to cancel.\n")
	for _, p := range customers {
		if err := w.call(ctx, "identify", map[string]any{"userId": p.id, "traits": p.traits}); err != nil {
			return err
		}
	}
	acts := []func(context.Context) error{
		func(ctx context.Context) error {
			return w.track(
				ctx,
				"ana",
				"Cart Updated",
				map[string]any{
					"cart_id": "k1",
					"total":   120,
					"items":   []any{map[string]any{"name": "Lamp"}, map[string]any{"name": "Rug <3"}},
				},
			)
		},
		func(ctx context.Context) error {
			return w.track(
				ctx,
				"ana",
				"Campaign Targeted",
				map[string]any{"campaign_id": "c24", "end": origin.Add(4 * 24 * time.Hour).Format(time.DateOnly)},
			)
		},
		func(ctx context.Context) error {
			return w.track(ctx, "ben", "Delivery Failed", map[string]any{"order_id": "o7", "reason": "the van broke down"})
		},
		func(ctx context.Context) error {
			return w.track(ctx, "chie", "Cart Updated", map[string]any{"cart_id": "k9", "total": 2400})
		},
		// Dora's clicks in the app raise her intent to leave; the best retention offer is decided while she is in the
		// app.
		func(ctx context.Context) error {
			return w.track(ctx, "dora", "Screen Viewed", map[string]any{"name": "Cancel Contract"})
		},
		func(ctx context.Context) error {
			return w.track(ctx, "dora", "Screen Viewed", map[string]any{"name": "Cancel Contract"})
		},
		func(ctx context.Context) error { return w.shown(ctx, "dora", offers...) },
		func(ctx context.Context) error { return w.mailed(ctx, "ben@example.com", "should not have happened") },
		func(ctx context.Context) error {
			return w.track(ctx, "ben", "Message Received", map[string]any{"text": "This is the second time!"})
		},
		func(ctx context.Context) error {
			return w.resolve(ctx, "care", "Mia", "refunded", "Second failure this month; refunded in full.")
		},
		func(ctx context.Context) error { return w.mailed(ctx, "ben@example.com", "refund is on its way") },
		func(ctx context.Context) error { return w.mailed(ctx, "ana@example.com", "2 items are waiting") },
		func(ctx context.Context) error {
			return w.track(ctx, "ana", "Order Completed", map[string]any{"cart_id": "k1", "total": 120})
		},
		func(ctx context.Context) error { return w.pushed(ctx, "token-chie", "Can we help you decide?") },
		func(ctx context.Context) error {
			return w.track(ctx, "chie", "Push Clicked", map[string]any{"message": "purchase-help"})
		},
		// A bot asks, and understands in Japanese that she wants a person.
		func(ctx context.Context) error { return w.shown(ctx, "chie", "ご用件をどうぞ") },
		func(ctx context.Context) error {
			return w.track(ctx, "chie", "Message Received", map[string]any{"text": "担当者と話したいです"})
		},
		func(ctx context.Context) error {
			return w.resolve(ctx, "sales", "Ken", "discount", "Gave 10 %.")
		},
		func(ctx context.Context) error { return w.mailed(ctx, "chie@example.com", "10 % off your cart") },
		func(ctx context.Context) error {
			return w.track(ctx, "chie", "Order Completed", map[string]any{"cart_id": "k9", "total": 2160})
		},
		// Dora buys: the intent to leave is gone, so the best action is another one.
		func(ctx context.Context) error {
			return w.track(ctx, "dora", "Order Completed", map[string]any{"total": 80})
		},
		func(ctx context.Context) error { return w.shown(ctx, "dora", "Thank you for staying") },
		func(ctx context.Context) error {
			return w.track(ctx, "dora", "Offer Accepted", map[string]any{"action": "reward-points"})
		},
		func(ctx context.Context) error { return w.mailed(ctx, "ana@example.com", "Your coupons end on") },
		func(ctx context.Context) error {
			return w.track(ctx, "ana", "Coupon Redeemed", map[string]any{"campaign_id": "c24"})
		},
	}
	for _, act := range acts {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return w.until(ctx, "every enrollment to end", func() (bool, error) { return w.told(), nil })
}
