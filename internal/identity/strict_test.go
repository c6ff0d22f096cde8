package identity_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"sixty/internal/identity"
	"sixty/internal/identity/identitytest"
)

// ambiguous are members that make the JSON of a token mean something else to another reader.
var ambiguous = map[string]string{
	"VerifiedTwin":       `"email_verified":false,"EMAIL_VERIFIED":true`,
	"VerifiedTwice":      `"email_verified":false,"email_verified":true`,
	"VerifiedAsAlone":    `"Email_verified":true`,
	"VerifiedEscaped":    `"email_verified":false,"email_verifie\u0064":true`,
	"EmailTwin":          `"Email":"root@acme.example"`,
	"EmailTwice":         `"email":"root@acme.example"`,
	"AudienceTwin":       `"AUD":"another"`,
	"AudienceTwice":      `"aud":"another"`,
	"AudienceLongS":      `"i\u017f\u017f":"another"`, // a long s folds onto s
	"ExpiryTwin":         `"Exp":99999999999`,
	"ExpiryTwice":        `"exp":99999999999`,
	"SubjectTwin":        `"Sub":"root"`,
	"SubjectTwice":       `"sub":"root"`,
	"IssuerTwin":         `"ISS":"x"`,
	"NestedTwice":        `"more":{"a":[{"b":1,"b":2}]}`,
	"LoneSurrogate":      `"name":"a\ud800"`,
	"LoneSurrogateLater": `"name":"\ud83d\ude00\\\udc00"`,
	"NotUTF8":            "\"name\":\"a\xff\"",
	"TooDeep":            `"more":` + strings.Repeat("[", 20) + strings.Repeat("]", 20),
}

// unambiguous are members that no reader confuses.
var unambiguous = map[string]string{
	"NestedTwin": `"user_metadata":{"Name":"x","name":"y","sub":"z","deep":[[1,2.5e3,null,true,"x"],{}]}`,
	"Surrogates": `"name":"\ud83d\ude00 \\ud800"`,
	"SameInside": `"a":{"x":1},"b":{"x":1}`,
}

// insert adds members to an object.
func insert(object, members string) string {
	return strings.TrimSuffix(object, "}") + "," + members + "}"
}

func TestAmbiguousToken(t *testing.T) {
	t.Parallel()
	theirs, ours, c := newProvider(t)
	payload := `{"iss":"` + theirs.Issuer + `","sub":"ada","aud":"` + identitytest.Audience + `","exp":1767700000,"email":"ada@acme.example"}`
	c.at.Store(time.Unix(1767600000, 0).UnixNano())
	expect(t, ours, theirs.SignText([]byte(payload)), nil)
	for name, members := range unambiguous {
		if got := expect(t, ours, theirs.SignText([]byte(insert(payload, members))), nil); got.Subject != "ada" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, members := range ambiguous {
		if got, err := ours.Verify(t.Context(), theirs.SignText([]byte(insert(payload, members)))); !errors.Is(err, identity.ErrRejected) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"Trailing": payload + payload, "TrailingText": payload + "x", "Array": "[" + payload + "]", "Text": `"x"`, "Null": "null", "Empty": "", "Cut": payload[:len(payload)-1],
	} {
		if got, err := ours.Verify(t.Context(), theirs.SignText([]byte(text))); !errors.Is(err, identity.ErrRejected) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAmbiguousIDToken(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t)
	theirs.SignIn(theirs.User("ada", "ada@acme.example").With(claims{"aud": identitytest.ClientID, "email_verified": nil, "name": nil}))
	for name, members := range ambiguous {
		theirs.Rewrite(func(what, text string) string {
			if what == "id_token" {
				return insert(text, members)
			}
			return text
		})
		secret, q := begin(t, ours)
		if got, err := ours.Finish(t.Context(), secret, q); !errors.Is(err, identity.ErrRejected) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A token's header is read one way only, too.
func TestAmbiguousHeader(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t)
	good := theirs.Sign(theirs.User("ada", "ada@acme.example"))
	expect(t, ours, good, nil)
	for _, header := range []string{`{"alg":"RS256","alg":"none"}`, `{"alg":"RS256","ALG":"none"}`, `{"alg":"RS256","kid":"a","Kid":"b"}`, `{"alg":"RS256"}{}`} {
		token := base64.RawURLEncoding.EncodeToString([]byte(header)) + good[strings.IndexByte(good, '.'):]
		if _, err := ours.Verify(t.Context(), token); !errors.Is(err, identity.ErrRejected) || !strings.Contains(err.Error(), "the header: ") {
			t.Errorf("%s: %v", header, err)
		}
	}
}

// What a provider publishes, and its answer to a code, is read one way only.
func TestAmbiguousAnswers(t *testing.T) {
	t.Parallel()
	const configuration, keys, token = "/.well-known/openid-configuration", "/keys", "/token"
	for _, test := range []struct{ name, path, members string }{
		{"IssuerTwice", configuration, `"issuer":"https://evil.example"`},
		{"IssuerTwin", configuration, `"Issuer":"https://evil.example"`},
		{"KeysURLTwin", configuration, `"JWKS_URI":"https://evil.example"`},
		{"TokenURLTwin", configuration, `"Token_endpoint":"https://evil.example"`},
		{"KeysTwice", keys, `"keys":[]`},
		{"KeysTwin", keys, `"KEYS":[]`},
		{"KeyTwice", keys, `"more":[{"kty":"RSA","kty":"oct"}]`},
		{"IDTokenTwice", token, `"id_token":"x"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			theirs, ours, _ := newProvider(t)
			theirs.Rewrite(func(what, text string) string {
				if what == test.path {
					return insert(text, test.members)
				}
				return text
			})
			theirs.SignIn(theirs.User("ada", "ada@acme.example").With(claims{"aud": identitytest.ClientID}))
			if test.path != token {
				expect(t, ours, theirs.Sign(theirs.User("ada", "ada@acme.example")), identity.ErrUnavailable)
				if _, _, err := ours.Begin(t.Context(), "/", false); !errors.Is(err, identity.ErrUnavailable) {
					t.Errorf("begun: %v", err)
				}
				return
			}
			secret, q := begin(t, ours)
			if got, err := ours.Finish(t.Context(), secret, q); !errors.Is(err, identity.ErrUnavailable) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
