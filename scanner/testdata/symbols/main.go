// Symbols prints what the scanner reads in raw frames, a line of JSON for each: the program that TestBoardsReadTheSame
// builds for the processors of boards. Each argument is FILE:WIDTHxHEIGHT, the file rows of 8-bit luma.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"citygate/scanner"
)

func main() {
	out := json.NewEncoder(os.Stdout)
	s := scanner.New(scanner.Options{})
	if err := out.Encode(runtime.GOARCH); err != nil {
		panic(err)
	}
	for _, arg := range os.Args[1:] {
		file, size, _ := strings.Cut(arg, ":")
		var f scanner.Frame
		if _, err := fmt.Sscanf(size, "%dx%d", &f.Width, &f.Height); err != nil {
			panic(err)
		}
		var err error
		if f.Pix, err = os.ReadFile(file); err != nil {
			panic(err)
		}
		f.Stride = f.Width
		if err := out.Encode(append([]scanner.Symbol{}, s.Scan(f)...)); err != nil {
			panic(err)
		}
	}
}
