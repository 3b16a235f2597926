package app

import (
	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/gateway"
)

// ActivityRooms returns the rooms of an engine that activities use.
func ActivityRooms(e *engine.Engine) activities.Rooms {
	return activities.Rooms{
		Catalog: e.Catalog, Enrollments: e.Enrollments, Handoffs: e.Handoffs, Intake: e.Intake, Intents: e.Intents,
		Messages: e.Messages, Offers: e.Offers, Outbox: e.Outbox, Variables: e.Variables,
	}
}

// GatewayRooms returns the rooms of an engine that the gateway uses.
func GatewayRooms(e *engine.Engine) gateway.Rooms {
	return gateway.Rooms{
		Access: e.Access, Analytics: e.Analytics, Audit: e.Audit, Catalog: e.Catalog, Customers: e.Customers,
		Enrollments: e.Enrollments, Erasure: e.Erasure, Handoffs: e.Handoffs, Intake: e.Intake, Intents: e.Intents,
		Messages: e.Messages, Offers: e.Offers, Outbox: e.Outbox,
		Rejections: e.Rejections,
	}
}
