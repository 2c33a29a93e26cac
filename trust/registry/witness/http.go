package witness

import (
	"errors"
	"io"
	"net/http"
	"strconv"
)

// Code says what is wrong with a request.
type Code int

// The refusals of tlog-witness, in the order in which they are checked.
const (
	BadRequest   Code = iota + 1 // 400: not a request, or an old size above the checkpoint's
	UnknownLog                   // 404
	BadSignature                 // 403
	WrongOldSize                 // 409 with the size that was cosigned last
	OtherRoot                    // 409 without a size: the log has two histories
	BadProof                     // 422
)

// Status is the HTTP status of a refusal.
func (c Code) Status() int {
	switch c {
	case UnknownLog:
		return http.StatusNotFound
	case BadSignature:
		return http.StatusForbidden
	case WrongOldSize, OtherRoot:
		return http.StatusConflict
	case BadProof:
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}

// A Refusal is the answer to a checkpoint that the witness does not cosign.
type Refusal struct {
	Code   Code
	Size   uint64 // of the newest cosigned checkpoint, for WrongOldSize
	Reason string
}

// Error is the reason.
func (r *Refusal) Error() string { return r.Reason }

// sizeType is the content type of a refusal that carries a tree size.
const sizeType = "text/x.tlog.size"

// ServeHTTP answers POST .../add-checkpoint below any prefix, and nothing else.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	const call = "/add-checkpoint"
	if p := r.URL.Path; len(p) < len(call) || p[len(p)-len(call):] != call {
		http.Error(rw, "no such call", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		rw.Header().Set("Allow", http.MethodPost)
		http.Error(rw, "add-checkpoint is a POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		http.Error(rw, "request is too long or was cut off", http.StatusBadRequest)
		return
	}
	line, err := w.AddCheckpoint(body)
	var refusal *Refusal
	switch {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Write(line)
	case !errors.As(err, &refusal):
		w.logger.Error("cannot cosign", "error", err)
		http.Error(rw, "the witness cannot keep its state", http.StatusInternalServerError)
	case refusal.Code == WrongOldSize:
		rw.Header().Set("Content-Type", sizeType)
		rw.WriteHeader(http.StatusConflict)
		io.WriteString(rw, strconv.FormatUint(refusal.Size, 10)+"\n")
	default:
		http.Error(rw, refusal.Reason, refusal.Code.Status())
	}
}
