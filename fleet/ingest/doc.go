// Package ingest is the fleet's end of MQTT. It takes what gateways publish,
// commits it, and acknowledges what is committed.
//
// The way of a batch: the MQTT handler parses the topic and pushes the message
// to the worker of that device's partition; the worker decodes it, checks the
// device's signature, and commits it together with whatever else waits in its
// queue; then it signs one cumulative acknowledgement for each epoch. Nothing is
// acknowledged before the store has returned, so killing the process at any
// moment loses nothing: the gateway sends again, and the store's mark makes the
// second copy change nothing.
//
// A batch that starts beyond the mark waits in its worker for a bounded time
// and number, is tried again, and is then dropped while its range is asked for.
// A worker whose store fails tries again and takes nothing more from its queue;
// the retained word on srv/ingest/st turns to "off" meanwhile, so that gateways
// hold their drain.
//
// Messages that are not what their topic promises are dropped and counted by
// reason. Every queue is bounded; a full one delays the broker's next message,
// because a message is confirmed to the broker only when it is queued.
package ingest
