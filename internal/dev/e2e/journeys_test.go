package e2e

import "maps"

// Journeys of the tests. With an hour in a second, nudge sends after a second.
var (
	nudge = lines(
		`journey: nudge`,
		`description: A pause, a mail, a wait for an answer, a push.`,
		`entry: {event: Start, key: event.k, reentry: {after: 7d}}`,
		`goal: {event: Bought, when: event.k == entry.k, value: event.total}`,
		`exit:`,
		`  - {event: Left, outcome: left}`,
		`timeout: 60d`,
		`steps:`,
		`  - id: pause`,
		`    wait: 1h`,
		`  - id: hello`,
		`    send: hello`,
		`    via: email`,
		`  - id: reply`,
		`    wait_for: {event: Answered, when: event.k == entry.k}`,
		`    timeout: 30d`,
		`  - id: again`,
		`    send: again`,
		`    via: email`,
		`  - id: last`,
		`    wait: 30d`,
		`  - go_to: calm`,
		`paths:`,
		`  calm:`,
		`    - id: rest`,
		`      wait: 20d`,
	)
	care = lines(
		`journey: care`,
		`description: A person helps.`,
		`entry: {event: Trouble}`,
		`goal: {event: Bought}`,
		`timeout: 60d`,
		`steps:`,
		`  - id: person`,
		`    handoff: support`,
		`    priority: high`,
		`    note: "{{ customer.first_name | default: 'They' }} wrote {{ entry.text }}"`,
		`    timeout: 30d`,
		`    outcomes:`,
		`      refunded:`,
		`        - id: refund`,
		`          send: hello`,
		`          via: email`,
		`          category: transactional`,
		`        - exit: refunded`,
		`      resolved:`,
		`        - exit: helped`,
		`    on_timeout:`,
		`      - exit: nobody`,
		`  - exit: otherwise`,
	)
	offer = lines(
		`journey: offer`,
		`description: A mail at once; what hinders it is the outcome.`,
		`entry: {event: Offered, reentry: always}`,
		`goal: {event: Bought}`,
		`steps:`,
		`  - id: mail`,
		`    send: hello`,
		`    via: email`,
		`    on_blocked:`,
		`      - exit: blocked`,
		`    on_failure:`,
		`      - exit: unsaid`,
		`  - exit: said`,
	)
	messages = map[string]string{
		"messages/hello.yaml": lines(
			`message: hello`,
			`email: {subject: "Hello {{ customer.first_name }}", html: "<p>Hello</p>"}`,
			`push: {title: Hello, body: Hello}`,
		),
		"messages/again.yaml": lines(
			`message: again`,
			`email: {subject: Again, html: "<p>Again</p>"}`,
			`push: {title: Again, body: Again}`,
		),
	}
)

// folder returns a journeys folder with the messages of the tests.
func folder(journeys map[string]string) map[string]string {
	files := maps.Clone(messages)
	maps.Copy(files, journeys)
	return files
}
