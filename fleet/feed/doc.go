// Package feed mirrors the registries' logs and publishes them on the trust
// topics of MQTT, as retained messages exactly as tlog-tiles serves them.
//
// The fleet is one more mirror and nothing of it is trusted: the feed checks
// only that what it publishes has the right form, so that a broken mirror does
// not fill the broker with rubbish. Gateways check everything.
//
// A log's new tiles and entries are published before the checkpoint that needs
// them. The topic of a tile has no width: it carries the widest version known,
// and a reader ignores what lies beyond his checkpoint. Published are every tile
// above level 0, the newest tiles of level 0, and entries: all of the directory
// and of status logs, which gateways keep whole, the newest of records logs. What
// else a gateway misses it asks for by name (Need).
package feed
