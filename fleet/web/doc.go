// Package web shows the fleet: the operations pages, the HTTP interface that
// they and other programs use, and metrics.
//
//	/                    overview: promises, the wall, who needs a person
//	/gateways            every gateway, filtered and sorted; /gateways.csv
//	/gateways/{name}     one gateway; /gateways/{name}/events for all its events
//	/findings            findings; /findings/{id} and its evidence
//	/api/summary         figures over all gateways, JSON
//	/api/gateways        every gateway, JSON
//	/api/events          events of one device, JSON lines
//	/api/live            server-sent events: what has changed
//	/healthz /readyz     process alive; store and broker there
//	/metrics             Prometheus text
//
// Everything is read-only, but that a person whom a proxy in front names can close
// a finding with a written reason ([Options.PersonHeader]). Pages are rendered here and work without script; the
// script only fetches the same page again when something changed and swaps the
// parts that differ. Nothing is shown that the store does not hold.
//
// The package listens nowhere by itself; the address it is given is meant to be
// loopback, and every request must name a known host, so that a page of another
// site cannot read it through a name that resolves to this machine.
package web
