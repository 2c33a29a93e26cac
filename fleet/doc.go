// Package fleet holds the words of the operator's side: devices and what is
// known of each gateway, findings, the classes of verdicts, and the conditions
// that say whether a gateway needs a person.
//
// It is pure: no database, no network and no clock of its own. Package
// fleet/store fills a Gateway from the database, fleet/ingest feeds that
// database from MQTT, fleet/web shows it. All of them use the four states of
// this package, and a page never shows a value that a Gateway does not hold.
package fleet
