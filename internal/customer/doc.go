// Package customer keeps profiles, identities, time zones, dead addresses and the events of customers.
package customer
