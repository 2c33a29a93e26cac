package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"
)

// dial opens the network connection below MQTT.
func dial(ctx context.Context, u *url.URL, d Dial) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	var conn net.Conn
	var err error
	switch u.Scheme {
	case "tcp", "mqtt":
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	case "tls", "ssl", "mqtts":
		conn, err = (&tls.Dialer{Config: d.TLS}).DialContext(ctx, "tcp", u.Host)
	default:
		err = fmt.Errorf("broker %s: scheme is neither tls nor tcp", u.Redacted())
	}
	if err != nil {
		return nil, err
	}
	return &limitedConn{Conn: conn, limit: d.Limit}, nil
}

// errTooLarge ends a connection on which the broker announced a packet above the limit.
var errTooLarge = errors.New("broker sent a packet above the size limit")

// limitedConn follows the packets that come in and fails before one above the limit is read. The client above would
// reserve as many bytes as a packet's header announces, up to 256 MB.
type limitedConn struct {
	net.Conn
	limit int

	// State of the reader; the client reads from one goroutine.
	header [5]byte // fixed header as far as it has come: type and up to 4 bytes of length
	have   int
	body   uint64 // bytes of the packet that are still to come
}

// Read implements [net.Conn].
func (c *limitedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if ferr := c.follow(b[:n]); ferr != nil {
		return 0, ferr
	}
	return n, err
}

// follow moves the reader's state over b. Fixed header: MQTT 3.1.1 section 2.2.
func (c *limitedConn) follow(b []byte) error {
	for len(b) > 0 {
		if c.body > 0 {
			n := min(c.body, uint64(len(b)))
			c.body -= n
			b = b[n:]
			continue
		}
		c.header[c.have] = b[0]
		c.have++
		b = b[1:]
		if c.have == 1 || c.header[c.have-1]&0x80 != 0 && c.have < len(c.header) {
			continue
		}
		length, n := binary.Uvarint(c.header[1:c.have]) // the same coding as MQTT's remaining length
		if n <= 0 || length > uint64(c.limit) {
			return errTooLarge
		}
		c.body, c.have = length, 0
	}
	return nil
}

// clientTLS reads the certificate files and returns the configuration for one connection, and when the client
// certificate ends. It is called for every connection, so a certificate that was replaced on disk is used from the
// next connection on.
func clientTLS(c *Config) (*tls.Config, time.Time, error) {
	if c.CA == "" && c.Cert == "" {
		return nil, time.Time{}, nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read broker's authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, time.Time{}, fmt.Errorf("read broker's authority %s: no certificate in it", c.CA)
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.CertKey)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read client certificate: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return t, pair.Leaf.NotAfter, nil
}
