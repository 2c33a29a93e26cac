package scanner_test

// This file holds the scanner to the photographs of the gozxing module, which every machine that builds this has in its module cache. It
// needs no other picture: the fuller corpus is in corpus_test.go.

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citygate/scanner"
)

// modulePictures finds the module that the pictures come with.
func modulePictures(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/makiuchi-d/gozxing").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("the module cache has no source of gozxing, or there is no go command to ask: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "qrcode", "testdata")); err != nil {
		t.Skipf("gozxing comes without its pictures: %v", err)
	}
	return dir
}

// fingerprint identifies a text without regard to how its lines end.
func fingerprint(text string) string {
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// TestModulePictures is a ratchet: at least so many pictures of each folder are read, and no symbol anywhere has a text that its picture
// does not show. Raise a number when the scanner reads more.
func TestModulePictures(t *testing.T) {
	minimum := map[string]int{
		"aztec/testdata/aztec-1":   14,
		"aztec/testdata/aztec-2":   6,
		"datamatrix/testdata":      34,
		"datamatrix/testdata/3":    6,
		"multi/qrcode/testdata":    1,
		"qrcode/testdata":          10,
		"qrcode/testdata/qrcode-1": 20,
		"qrcode/testdata/qrcode-6": 15,
	}
	dir := modulePictures(t)
	s := scanner.New(scanner.Options{})
	read := map[string]int{}
	for line := range strings.Lines(moduleTexts) {
		fields := strings.Fields(line)
		folder := filepath.Dir(fields[0])
		frame := load(t, filepath.Join(dir, strings.ReplaceAll(fields[0], "%20", " ")))
		hit := false
		for _, sym := range s.Scan(frame) {
			if slices.Contains(fields[1:], fingerprint(sym.Text)) {
				hit = true
			} else {
				t.Errorf("%s: a %s symbol was read as %.80q", fields[0], sym.Format, sym.Text)
			}
		}
		if hit {
			read[folder]++
		}
	}
	for folder, n := range minimum {
		t.Logf("%s: %d pictures read", folder, read[folder])
		if read[folder] < n {
			t.Errorf("%s: %d pictures are read, and %d were before", folder, read[folder], n)
		}
	}
}

// moduleTexts has a line for each picture: its name in the module, and the fingerprints of the texts that it shows.
const moduleTexts = `aztec/testdata/aztec-1/7.png fb891efcf09f
aztec/testdata/aztec-1/Historico.png a80de96d9716
aztec/testdata/aztec-1/HistoricoLong.png 8c4527fe0fa1
aztec/testdata/aztec-1/abc-19x19C.png 71c480df93d6
aztec/testdata/aztec-1/abc-37x37.png db7085354f45
aztec/testdata/aztec-1/dlusbs.png bf34e37db799
aztec/testdata/aztec-1/hello.png 2cf24dba5fb0
aztec/testdata/aztec-1/lorem-075x075.png d6b913a539a2
aztec/testdata/aztec-1/lorem-105x105.png 93c10fc939db
aztec/testdata/aztec-1/lorem-131x131.png cdead195174e
aztec/testdata/aztec-1/lorem-151x151.png d1e5cc0532ea
aztec/testdata/aztec-1/tableShifts.png 21a73a0d3fd8
aztec/testdata/aztec-1/tag.png 849592e846a3
aztec/testdata/aztec-1/texte.png 114f00d9c83d
aztec/testdata/aztec-2/01.png 55ed3ad231b8
aztec/testdata/aztec-2/02.png 55ed3ad231b8
aztec/testdata/aztec-2/03.png 55ed3ad231b8
aztec/testdata/aztec-2/04.png 55ed3ad231b8
aztec/testdata/aztec-2/05.png 55ed3ad231b8
aztec/testdata/aztec-2/06.png 55ed3ad231b8
aztec/testdata/aztec-2/07.png 55ed3ad231b8
aztec/testdata/aztec-2/08.png 55ed3ad231b8
aztec/testdata/aztec-2/09.png 150bd794f3cc
aztec/testdata/aztec-2/10.png 150bd794f3cc
aztec/testdata/aztec-2/11.png 150bd794f3cc
aztec/testdata/aztec-2/12.png 150bd794f3cc
aztec/testdata/aztec-2/13.png 150bd794f3cc
aztec/testdata/aztec-2/14.png 150bd794f3cc
aztec/testdata/aztec-2/15.png 150bd794f3cc
aztec/testdata/aztec-2/16.png 851734796d2e
aztec/testdata/aztec-2/17.png 851734796d2e
aztec/testdata/aztec-2/18.png 851734796d2e
aztec/testdata/aztec-2/19.png 851734796d2e
aztec/testdata/aztec-2/20.png 851734796d2e
aztec/testdata/aztec-2/21.png 851734796d2e
aztec/testdata/aztec-2/22.png 851734796d2e
datamatrix/testdata/01.png d3170032f04f
datamatrix/testdata/0123456789.png 84d89877f0d4
datamatrix/testdata/02.png d3170032f04f
datamatrix/testdata/03.png d3170032f04f
datamatrix/testdata/04.png d3170032f04f
datamatrix/testdata/05.png d3170032f04f
datamatrix/testdata/06.png d3170032f04f
datamatrix/testdata/07.png d3170032f04f
datamatrix/testdata/08.png d3170032f04f
datamatrix/testdata/09.png d42d407c3f60
datamatrix/testdata/10.png d42d407c3f60
datamatrix/testdata/11.png d42d407c3f60
datamatrix/testdata/12.png d42d407c3f60
datamatrix/testdata/13.png d42d407c3f60
datamatrix/testdata/14.png d42d407c3f60
datamatrix/testdata/15.png d42d407c3f60
datamatrix/testdata/16.png d42d407c3f60
datamatrix/testdata/17.png d42d407c3f60
datamatrix/testdata/18.png d42d407c3f60
datamatrix/testdata/3/abcd-120x8.png 1dbf30319762
datamatrix/testdata/3/abcd-144x8.png 1c7bbd4c4f16
datamatrix/testdata/3/abcd-36x20.png 2fcd5a0d60e4
datamatrix/testdata/3/abcd-40x26.png 35718fcbe100
datamatrix/testdata/3/abcd-44x20.png 346f6d8e59fb
datamatrix/testdata/3/abcd-48x22.png 544394fb18b5
datamatrix/testdata/3/abcd-48x24.png 47fdcd052a2d
datamatrix/testdata/3/abcd-48x26.png df2a873455bb
datamatrix/testdata/3/abcd-48x8.png 69b980549d50
datamatrix/testdata/3/abcd-64x12.png 5ca3e1ef5207
datamatrix/testdata/3/abcd-64x16.png e9e9c10f05e9
datamatrix/testdata/3/abcd-64x20.png d46e4565c372
datamatrix/testdata/3/abcd-64x24.png 476bf1d66cc1
datamatrix/testdata/3/abcd-64x26.png 5953d0f9808a
datamatrix/testdata/3/abcd-64x8.png 98fe2ed74a9f
datamatrix/testdata/3/abcd-80x8.png 9ff224d11014
datamatrix/testdata/3/abcd-88x12.png a5ddedc7c55b
datamatrix/testdata/3/abcd-96x8.png 595615dbe4f0
datamatrix/testdata/C40.png 0cd79be1e7bd
datamatrix/testdata/EDIFACT.png 4f23b72dc9ef
datamatrix/testdata/GUID.png ce00c7981165
datamatrix/testdata/HelloWorld_Text_L_Kaywa.png a591a6d40bf4
datamatrix/testdata/HelloWorld_Text_L_Kaywa_1_error_byte.png a591a6d40bf4
datamatrix/testdata/HelloWorld_Text_L_Kaywa_2_error_byte.png a591a6d40bf4
datamatrix/testdata/HelloWorld_Text_L_Kaywa_3_error_byte.png a591a6d40bf4
datamatrix/testdata/HelloWorld_Text_L_Kaywa_4_error_byte.png a591a6d40bf4
datamatrix/testdata/X12.png 2676dfadcbab
datamatrix/testdata/abcd-18x8.png 36bbe50ed968
datamatrix/testdata/abcd-26x12.png ff10304f1af2
datamatrix/testdata/abcd-32x8.png bef57ec7f53a
datamatrix/testdata/abcd-36x12.png 918a954ac4df
datamatrix/testdata/abcd-36x16.png 71c480df93d6
datamatrix/testdata/abcd-48x16.png 52ddd33efd4d
datamatrix/testdata/abcd-52x52-IDAutomation.png 9e81393908a3
datamatrix/testdata/abcd-52x52.png 9e81393908a3
datamatrix/testdata/abcdefg-64x64.png 85722bcd1ffe
datamatrix/testdata/abcdefg.png fdc90296e3bf
datamatrix/testdata/zxing_URL_L_Kayway.png 1bf6bb10f797
multi/qrcode/testdata/1.png 3d99c7361ad0 71dd2da675d2 d5735210e3e2 fe8dbf7aecdb
multi/qrcode/testdata/sa.png 4fcca2ab69a5 93c5f007220b 95ac58017a64 ecd93aaba7a0 ee5a09cf0ae9
qrcode/testdata/qrcode-1.jpg a4f962e77624
qrcode/testdata/qrcode-1/1.png 89a2b52405ad
qrcode/testdata/qrcode-1/10.png 89a2b52405ad
qrcode/testdata/qrcode-1/11.png 89a2b52405ad
qrcode/testdata/qrcode-1/12.png 89a2b52405ad
qrcode/testdata/qrcode-1/13.png ad7126eeeb7a
qrcode/testdata/qrcode-1/14.png ad7126eeeb7a
qrcode/testdata/qrcode-1/15.png ad7126eeeb7a
qrcode/testdata/qrcode-1/16.png 694d65e28b13 8257a1947d26
qrcode/testdata/qrcode-1/17.png 694d65e28b13 8257a1947d26
qrcode/testdata/qrcode-1/18.png 694d65e28b13 8257a1947d26
qrcode/testdata/qrcode-1/19.png 694d65e28b13 8257a1947d26
qrcode/testdata/qrcode-1/2.png 89a2b52405ad
qrcode/testdata/qrcode-1/20.png 694d65e28b13 8257a1947d26
qrcode/testdata/qrcode-1/3.png 89a2b52405ad
qrcode/testdata/qrcode-1/4.png 89a2b52405ad
qrcode/testdata/qrcode-1/5.png 89a2b52405ad
qrcode/testdata/qrcode-1/6.png 89a2b52405ad
qrcode/testdata/qrcode-1/7.png 89a2b52405ad
qrcode/testdata/qrcode-1/8.png 89a2b52405ad
qrcode/testdata/qrcode-1/9.png 89a2b52405ad
qrcode/testdata/qrcode-2.jpg 06e76dc251bb
qrcode/testdata/qrcode-3.jpg 4c1a41c1e588
qrcode/testdata/qrcode-4.jpg 4c1a41c1e588
qrcode/testdata/qrcode-6/1.png c775e7b757ed
qrcode/testdata/qrcode-6/10.png c775e7b757ed
qrcode/testdata/qrcode-6/11.png c775e7b757ed
qrcode/testdata/qrcode-6/12.png c775e7b757ed
qrcode/testdata/qrcode-6/13.png c775e7b757ed
qrcode/testdata/qrcode-6/14.png c775e7b757ed
qrcode/testdata/qrcode-6/15.png 94ee059335e5
qrcode/testdata/qrcode-6/2.png c775e7b757ed
qrcode/testdata/qrcode-6/3.png c775e7b757ed
qrcode/testdata/qrcode-6/4.png c775e7b757ed
qrcode/testdata/qrcode-6/5.png c775e7b757ed
qrcode/testdata/qrcode-6/6.png c775e7b757ed
qrcode/testdata/qrcode-6/7.png c775e7b757ed
qrcode/testdata/qrcode-6/8.png c775e7b757ed
qrcode/testdata/qrcode-6/9.png c775e7b757ed
qrcode/testdata/structured_append_1.png 93c5f007220b
qrcode/testdata/structured_append_2.png ee5a09cf0ae9
qrcode/testdata/structured_append_3.png ecd93aaba7a0
qrcode/testdata/structured_append_4.png 4fcca2ab69a5
qrcode/testdata/version1.png fd7514ab8e13
qrcode/testdata/version1_mirrored.png fd7514ab8e13
`
