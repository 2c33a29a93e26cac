package pkcs11key_test

import (
	"reflect"
	"strings"
	"testing"

	"citygate/internal/pkcs11key"
)

func TestParseURI(t *testing.T) {
	u, err := pkcs11key.ParseURI("pkcs11:token=City%20of%20X;serial=a1;object=id.example/issuer;id=%00%ff;type=private?" +
		"pin-source=file:///etc/pin&module-path=/usr/lib/x.so")
	want := pkcs11key.URI{Token: "City of X", Serial: "a1", Object: "id.example/issuer", ID: []byte{0, 255}, Module: "/usr/lib/x.so", PINFile: "/etc/pin"}
	if err != nil || !reflect.DeepEqual(u, want) {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestParseURIRefuses(t *testing.T) {
	for _, s := range []string{
		"", "pkcs11:", "file:/x", "pkcs11:token=a", "pkcs11:token=a?module-path=x.so", "pkcs11:object=a?module-path=/x.so",
		"pkcs11:token=a;token=b?module-path=/x.so", "pkcs11:token=a;slot-id=1?module-path=/x.so", "pkcs11:token=a;type=cert?module-path=/x.so",
		"pkcs11:token=a?module-path=/x.so&pin-source=pin", "pkcs11:token=a?module-path=/x.so&pin-value=SECRET", "pkcs11:token=%zz?module-path=/x.so", "pkcs11:token=a%00?module-path=/x.so",
		"pkcs11:token?module-path=/x.so", "pkcs11:token=a;?module-path=/x.so", "pkcs11:token=" + strings.Repeat("a", 4000) + "?module-path=/x.so",
	} {
		if u, err := pkcs11key.ParseURI(s); err == nil {
			t.Errorf("%q was taken as %+v", s, u)
		} else if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the error has the PIN: %v", err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("pkcs11:token=a;serial=1;object=b%20c;id=%01?module-path=/x.so&pin-source=file:/y")
	f.Add("pkcs11:token=a?pin-source=/y&module-path=%2Fx.so")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := pkcs11key.ParseURI(s)
		if err != nil {
			return
		}
		again, err := pkcs11key.ParseURI(u.String())
		if len(u.String()) <= 2048 && (err != nil || again.String() != u.String()) {
			t.Errorf("%q became %q, and that %+v, %v", s, u, again, err)
		}
	})
}
