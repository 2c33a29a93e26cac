// Package rmqr finds, samples and decodes rectangular Micro QR Code symbols, rMQR (ISO/IEC 23941:2022): 32 sizes from R7x43 to R17x139.
//
// Each file is one stage. From pixels to modules: reader.go, over package lone, which locates symbols with one finder pattern. From modules to text:
// version.go, layout.go, format.go, decode.go; these know nothing of pixels.
package rmqr
