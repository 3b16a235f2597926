package main

import (
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// ledger compares each row with the provider's record.
func (r *result) ledger() {
	for key, row := range r.f.rows {
		record := r.p.records[key]
		if record == nil {
			record = &record0
		}
		if row.channel == "email" && record.taken > 0 {
			r.mails++
		}
		switch row.status {
		case contract.StatusSent:
			r.sends++
			r.checkSent(row, record)
		case contract.StatusFailed:
			r.checkFailed(row, record)
		case contract.StatusSuppressed:
			if r.silenced++; row.reason != "FORGOTTEN" || !unit.IsPseudonym(row.customer) {
				r.unexplained("%s is suppressed (%s)", key, row.reason)
			}
		default:
			r.lose("%s is %s (%s) at the end", key, row.status, row.reason)
		}
	}
}

var record0 record

// checkSent checks a row with status sent.
func (r *result) checkSent(row *sendRow, record *record) {
	switch {
	case row.unknown && (row.channel != "email" || row.category == journey.Transactional):
		r.unexplained("%s (%s) is sent with an unknown outcome, which only marketing mail may be", row.key, row.channel)
	case row.unknown:
		r.doubted++
		if record.taken == 0 {
			r.gaps++
		}
		if record.taken > 1 {
			r.duplicate("marketing mail %s was received %d times", row.key, record.taken)
		}
	case record.taken == 0:
		r.lose("%s (%s) is sent, and the provider never accepted it", row.key, row.channel)
	case row.channel == "email" && record.taken > 1:
		if row.category != journey.Transactional || row.doubts < record.taken-1 {
			r.duplicate(
				"mail %s (%s) was received %d times, and its ledger row counts %d unknown outcomes",
				row.key,
				row.category,
				record.taken,
				row.doubts,
			)
			return
		}
		r.repeated += record.taken - 1
	}
}

// checkFailed checks a row with status failed.
func (r *result) checkFailed(row *sendRow, record *record) {
	switch {
	case row.reason == "JOURNEY_ENDED", row.reason == "REROUTED":
		r.ended++
	case record.rejected == 0:
		r.unexplained("%s failed (%s), and the provider did not refuse it for good", row.key, row.reason)
	default:
		r.rejected++
	}
	if record.taken > 0 && !row.unknown && row.doubts == 0 {
		r.unexplained("%s failed (%s) with a known outcome, and the provider accepted it %d times", row.key, row.reason, record.taken)
	}
	if row.channel == "email" && record.taken > 1 && (row.category != journey.Transactional || row.doubts < record.taken) {
		r.duplicate(
			"mail %s (%s) was received %d times, and its ledger row counts %d unknown outcomes",
			row.key,
			row.category,
			record.taken,
			row.doubts,
		)
	}
}

// providers compares the providers' records with the ledger: nothing without a row, no content under two keys.
func (r *result) providers() {
	keys := map[string]string{} // content → key
	for key, record := range r.p.records {
		if r.f.rows[key] == nil {
			r.unexplained("the provider of %s was called with %s, which is not in the ledger", record.channel, key)
		}
		if len(record.content) > 1 {
			r.unexplained("%s was sent with %d contents", key, len(record.content))
		}
		for content := range record.content {
			if other := keys[content]; other != "" {
				r.duplicate("%q was sent under %s and %s", content, other, key)
			}
			keys[content] = key
		}
	}
}
