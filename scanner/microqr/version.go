// Package microqr finds, samples and decodes Micro QR Code symbols (ISO/IEC 18004:2015): versions M1 to M4, which have a single finder pattern.
//
// Each file is one stage. From pixels to modules: reader.go, over package lone, which locates symbols with one finder pattern. From modules to text:
// version.go, format.go, decode.go; these know nothing of pixels.
package microqr
