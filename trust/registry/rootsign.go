package registry

import (
	"encoding/binary"
	"fmt"
	"log/slog"

	"citygate/internal/cose"
	"citygate/internal/durable"
	"citygate/trust/ledger"
	"golang.org/x/mod/sumdb/note"
)

// rootSigner is a log's key for its checkpoints that signs each root as a COSE_Sign1 as well, so that whoever serves the log can compose COSE
// receipts (RFC 9942). It writes the newest to root.cose before the witnesses are asked: readers take it only for the root of a checkpoint
// that they believe.
type rootSigner struct {
	note.Signer
	path   string
	logger *slog.Logger
}

// Sign signs a checkpoint. That there is no COSE signature for it keeps no log from going on.
func (s rootSigner) Sign(text []byte) ([]byte, error) {
	if err := s.signRoot(text); err != nil {
		s.logger.Warn("cannot sign the root for receipts", "log", s.Name(), "error", err)
	}
	return s.Signer.Sign(text)
}

func (s rootSigner) signRoot(text []byte) error {
	cp, err := ledger.ParseCheckpointText(string(text))
	if err != nil {
		return err
	}
	kid := binary.BigEndian.AppendUint32(nil, s.KeyHash())
	m := cose.Sign1{Payload: cp.Root[:]}
	if m.Protected, err = cose.Encode(map[int64]any{cose.Algorithm: cose.Ed25519, cose.KeyID: kid, cose.VDS: cose.RFC9162}); err != nil {
		return fmt.Errorf("encode header: %w", err)
	}
	tbs, err := m.ToBeSigned(nil, m.Payload)
	if err != nil {
		return err
	}
	if m.Signature, err = s.Signer.Sign(tbs); err != nil {
		return err
	}
	raw, err := m.Marshal()
	if err != nil {
		return err
	}
	return durable.WriteFile(s.path, raw, 0o644)
}
