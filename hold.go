//go:build hold

package hold

import (
	_ "filippo.io/mldsa"
	_ "github.com/alecthomas/kong"
	_ "github.com/chromedp/chromedp"
	_ "github.com/coreos/go-systemd/v22/daemon"
	_ "github.com/eclipse/paho.mqtt.golang"
	_ "github.com/emmansun/gmsm/sm2"
	_ "github.com/fxamacker/cbor/v2"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/makiuchi-d/gozxing"
	_ "github.com/mattn/go-sqlite3"
	_ "github.com/mochi-mqtt/server/v2"
	_ "github.com/pelletier/go-toml/v2"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/transparency-dev/formats/log"
	_ "github.com/transparency-dev/formats/note"
	_ "github.com/transparency-dev/merkle/proof"
	_ "github.com/transparency-dev/tessera"
	_ "github.com/transparency-dev/tessera/storage/posix"
	_ "github.com/veraison/go-cose"
	_ "go.uber.org/goleak"
	_ "gocv.io/x/gocv"
	_ "golang.org/x/image/bmp"
	_ "golang.org/x/mod/sumdb/note"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "pgregory.net/rapid"
	_ "rsc.io/qr/coding"
)
