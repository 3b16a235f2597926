package main

// content has the journeys and messages that some attacks need, by their paths.
var content = map[string]string{
	"atk-app.yaml": `
journey: atk-app
entry: {event: Atk App, reentry: always}
steps:
  - {send: atk, via: app, category: transactional}
  - wait: 1h
`,
	"messages/atk.yaml": `
message: atk
app: {title: A secret, body: "Only for {{ customer.first_name }}"}
`,
	"atk-ping.yaml": `
journey: atk-ping
entry: {event: Atk Ping, reentry: always}
steps:
  - emit: Atk Ping
  - emit: Atk Ping
  - wait: 1h
`,
	"atk-costly.yaml": `
journey: atk-costly
entry:
  event: Costly Event
  when: event.list.all(a, event.list.all(b, event.list.all(c, a + b + c < 1000)))
steps:
  - wait: 1h
`,
}
