package main

import (
	"fmt"
	"io"

	"citygate/fleet/store"
)

type brokerUsersCommand struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
}

// Run prints the users of a NATS cluster from the enrolment list: who may do
// what, by the certificate's name, as in the access rules of mosquitto.
func (cmd brokerUsersCommand) Run(s *streams) error {
	c, err := loadConfig(cmd.Config)
	if err != nil {
		return err
	}
	return withStore(cmd.Config, func(db *store.Store) error {
		list, err := db.Gateways(s.ctx)
		if err != nil {
			return err
		}
		names := make([]string, len(list))
		for i, g := range list {
			names[i] = g.Name
		}
		return writeUsers(s.out, c.ClientID, names)
	})
}

// writeUsers writes subjects, which are topics with "." for "/". $MQTT.sub is
// where the server delivers what a client has subscribed at QoS 1.
func writeUsers(w io.Writer, server string, devices []string) error {
	_, err := fmt.Fprintf(w, `users = [
  { user: "CN=%s", permissions: {
    publish: ["citygate.1.d.*.dn.>", "citygate.1.g.>", "citygate.1.trust.>", "citygate.1.srv.>"],
    subscribe: ["citygate.1.d.>", "citygate.1.g.>", "citygate.1.trust.>", "citygate.1.srv.>", "$MQTT.sub.>"] } }
`, server)
	for _, d := range devices {
		if err != nil {
			break
		}
		_, err = fmt.Fprintf(w, `  { user: "CN=%[1]s", permissions: {
    publish: ["citygate.1.d.%[1]s.st", "citygate.1.d.%[1]s.up.>"],
    subscribe: ["citygate.1.d.%[1]s.dn.>", "citygate.1.g.>", "citygate.1.trust.>", "citygate.1.srv.>", "$MQTT.sub.>"] } }
`, d)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, "]")
	return err
}
