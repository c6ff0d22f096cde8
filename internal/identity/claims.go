package identity

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Claims are what a token says of a person.
type Claims struct {
	// Subject is who they are to the issuer, for good.
	Subject string
	// Email is their address, if the provider has verified it; else "".
	Email               string
	FirstName, LastName string
	// Until is when the token expires.
	Until time.Time

	party, nonce string
}

const (
	// leeway is how far the provider's clock may be ahead of ours.
	leeway = time.Minute
	// maxSubject is the longest subject (OpenID Connect Core 1.0 section 2), and maxEmail
	// the longest address (RFC 5321 section 4.5.3.1), in bytes.
	maxSubject = 255
	maxEmail   = 320
)

// said is the payload of a token (RFC 7519 section 4.1, OpenID Connect Core 1.0 sections
// 2 and 5.1).
type said struct {
	Issuer        string   `json:"iss"`
	Subject       string   `json:"sub"`
	Audience      audience `json:"aud"`
	Party         string   `json:"azp"`
	Nonce         string   `json:"nonce"`
	Expires       instant  `json:"exp"`
	NotBefore     instant  `json:"nbf"`
	Issued        instant  `json:"iat"`
	Email         string   `json:"email"`
	EmailVerified truth    `json:"email_verified"`
	FirstName     string   `json:"given_name"`
	LastName      string   `json:"family_name"`
	Name          string   `json:"name"`
}

// readClaims gives what a payload says whose signature is good, if it is the issuer's, for
// one of the audiences, and good now.
func readClaims(payload []byte, issuer string, audiences []string, now time.Time) (Claims, error) {
	var s said
	if err := json.Unmarshal(payload, &s); err != nil {
		return Claims{}, refused("%s", err)
	}
	if err := s.check(issuer, audiences, now); err != nil {
		return Claims{}, err
	}
	c := Claims{Subject: s.Subject, FirstName: clean(s.FirstName), LastName: clean(s.LastName), Until: s.Expires.Time, party: s.Party, nonce: s.Nonce}
	if c.FirstName == "" && c.LastName == "" {
		c.FirstName, c.LastName, _ = strings.Cut(clean(s.Name), " ")
	}
	if email := strings.ToLower(strings.TrimSpace(s.Email)); bool(s.EmailVerified) && len(email) <= maxEmail && !strings.ContainsFunc(email, unicode.IsControl) {
		c.Email = email
	}
	return c, nil
}

// check refuses a token that is not the issuer's, for one of the audiences, or good now.
func (s *said) check(issuer string, audiences []string, now time.Time) error {
	switch {
	case s.Issuer != issuer:
		return refused("the issuer is %q", s.Issuer)
	case !slices.ContainsFunc(s.Audience, func(a string) bool { return slices.Contains(audiences, a) }):
		return refused("the audience is %q", s.Audience)
	case s.Expires.IsZero():
		return refused("it never expires")
	case !now.Before(s.Expires.Time):
		return refused("it has expired at %s", s.Expires)
	case now.Add(leeway).Before(s.NotBefore.Time), now.Add(leeway).Before(s.Issued.Time):
		return refused("it is not good yet")
	case s.Subject == "" || len(s.Subject) > maxSubject || strings.ContainsFunc(s.Subject, unicode.IsControl):
		return refused("it is about nobody")
	}
	return nil
}

// clean takes out of a name what no name has.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
}

// audience is one text, or several.
type audience []string

// UnmarshalJSON reads either.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// instant is a NumericDate (RFC 7519 section 2): seconds since 1970.
type instant struct{ time.Time }

// UnmarshalJSON reads one of the years from 1970 to 9999.
func (i *instant) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	if seconds <= 0 || seconds > 253_402_300_799 {
		return errors.New("a time is no time")
	}
	whole, part := math.Modf(seconds)
	i.Time = time.Unix(int64(whole), int64(part*1e9))
	return nil
}

// truth is a boolean that some providers write as a text.
type truth bool

// UnmarshalJSON reads either; anything else is false.
func (t *truth) UnmarshalJSON(text []byte) error {
	s := string(text)
	*t = s == "true" || s == `"true"`
	return nil
}
