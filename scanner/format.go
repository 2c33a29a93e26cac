package scanner

import (
	"fmt"
	"strings"
)

// Format is one symbology.
type Format uint8

// The symbologies that the scanner knows. The zero value is no symbology.
const (
	QR         Format = iota + 1 // QR Code, ISO/IEC 18004
	MicroQR                      // Micro QR Code, ISO/IEC 18004
	RMQR                         // rectangular Micro QR Code, ISO/IEC 23941
	DataMatrix                   // Data Matrix ECC 200, ISO/IEC 16022
	Aztec                        // Aztec Code, ISO/IEC 24778
	formatEnd
)

// formatNames are the words used on command lines, in events and in configuration files.
var formatNames = [formatEnd]string{"none", "qr", "microqr", "rmqr", "datamatrix", "aztec"}

// String returns the format's word, e.g. "datamatrix".
func (f Format) String() string {
	if f >= formatEnd {
		return fmt.Sprintf("format(%d)", uint8(f))
	}
	return formatNames[f]
}

// Formats is a set of symbologies.
type Formats uint32

// AllFormats is every symbology that the scanner knows.
const AllFormats = Formats(1<<QR | 1<<MicroQR | 1<<RMQR | 1<<DataMatrix | 1<<Aztec)

// FormatSet returns the set of the given formats.
func FormatSet(formats ...Format) Formats {
	var s Formats
	for _, f := range formats {
		s |= 1 << f
	}
	return s & AllFormats
}

// Has reports whether f is in the set.
func (s Formats) Has(f Format) bool { return s>>f&1 == 1 }

// String returns the set in the form that ParseFormats reads.
func (s Formats) String() string {
	var names []string
	for f := QR; f < formatEnd; f++ {
		if s.Has(f) {
			names = append(names, f.String())
		}
	}
	return strings.Join(names, ",")
}

// ParseFormats reads a list of formats such as "qr,datamatrix", or "all". An empty list is an error.
func ParseFormats(list string) (Formats, error) {
	if list == "all" {
		return AllFormats, nil
	}
	var s Formats
next:
	for name := range strings.SplitSeq(list, ",") {
		for f := QR; f < formatEnd; f++ {
			if formatNames[f] == strings.TrimSpace(name) {
				s |= 1 << f
				continue next
			}
		}
		return 0, fmt.Errorf("unknown code format %q (known: all, %s)", name, AllFormats)
	}
	return s, nil
}
