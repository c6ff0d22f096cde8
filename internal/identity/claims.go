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

// Claims are the claims of a token.
type Claims struct {
	// Subject is the user's permanent id at the issuer.
	Subject string
	// Email is the user's address, as the provider writes it, if it has verified it; else "".
	Email               string
	FirstName, LastName string
	// Until is when the token expires.
	Until time.Time
	// AuthTime is when the provider last asked the user who they are, which is never in the
	// future; zero if it does not say.
	AuthTime time.Time

	party, nonce string
}

const (
	// leeway is the tolerated clock difference.
	leeway = time.Minute
	// maxSubject bounds subjects (OpenID Connect Core 1.0 section 2) and maxEmail addresses
	// (RFC 5321 section 4.5.3.1), in bytes.
	maxSubject = 255
	maxEmail   = 320
)

// jwtClaims is the payload of a token (RFC 7519 section 4.1, OpenID Connect Core 1.0 sections 2
// and 5.1).
type jwtClaims struct {
	Issuer        string   `json:"iss"`
	Subject       string   `json:"sub"`
	Audience      audience `json:"aud"`
	Party         string   `json:"azp"`
	Nonce         string   `json:"nonce"`
	Expires       instant  `json:"exp"`
	NotBefore     instant  `json:"nbf"`
	Issued        instant  `json:"iat"`
	AuthTime      instant  `json:"auth_time"`
	Methods       methods  `json:"amr"`
	Email         string   `json:"email"`
	EmailVerified boolean  `json:"email_verified"`
	FirstName     string   `json:"given_name"`
	LastName      string   `json:"family_name"`
	Name          string   `json:"name"`
}

// readClaims returns the claims of a payload with a valid signature, if it is from the issuer,
// for one of our audiences and no others than trusted ones, and currently valid.
func readClaims(payload []byte, issuer string, ours, trusted []string, now time.Time) (Claims, error) {
	var s jwtClaims
	if err := decode(payload, &s); err != nil {
		return Claims{}, rejected("%s", err)
	}
	if err := s.check(issuer, ours, trusted, now); err != nil {
		return Claims{}, err
	}
	c := Claims{Subject: s.Subject, FirstName: clean(s.FirstName), LastName: clean(s.LastName), Until: s.Expires.Time, AuthTime: s.authTime(now), party: s.Party, nonce: s.Nonce}
	if c.FirstName == "" && c.LastName == "" {
		c.FirstName, c.LastName, _ = strings.Cut(clean(s.Name), " ")
	}
	if bool(s.EmailVerified) && len(s.Email) <= maxEmail && !strings.ContainsFunc(s.Email, unicode.IsControl) {
		c.Email = s.Email
	}
	return c, nil
}

// check rejects a token of another issuer or audience, or one that is not currently valid.
func (s *jwtClaims) check(issuer string, ours, trusted []string, now time.Time) error {
	isOurs := func(a string) bool { return slices.Contains(ours, a) }
	switch {
	case s.Issuer != issuer:
		return rejected("the issuer is %q", s.Issuer)
	case !slices.ContainsFunc(s.Audience, isOurs),
		// One that is not trusted could use the token here (OpenID Connect Core 1.0 section
		// 3.1.3.7).
		slices.ContainsFunc(s.Audience, func(a string) bool { return !isOurs(a) && !slices.Contains(trusted, a) }):
		return rejected("the audience is %q", s.Audience)
	case s.Expires.IsZero():
		return rejected("no expiry")
	case !now.Before(s.Expires.Time):
		return rejected("expired at %s", s.Expires)
	case now.Add(leeway).Before(s.NotBefore.Time), now.Add(leeway).Before(s.Issued.Time):
		return rejected("not valid yet")
	case s.Subject == "" || len(s.Subject) > maxSubject || strings.ContainsFunc(s.Subject, unicode.IsControl):
		return rejected("no valid subject")
	}
	return nil
}

// authTime returns auth_time or, without it, when the newest of the methods was used. An instant in
// the future, which would stay recent, counts as none.
func (s *jwtClaims) authTime(now time.Time) time.Time {
	at := s.AuthTime.Time
	if at.IsZero() {
		at = s.Methods.newest
	}
	switch {
	case at.After(now.Add(leeway)):
		return time.Time{}
	case at.After(now):
		return now
	}
	return at
}

// clean replaces control characters in a name and trims it.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
}

// methods are the methods by which a user was authenticated (RFC 8176): names, or objects that say
// when, as Supabase has them.
type methods struct{ newest time.Time }

// tokenRefresh is the method of a renewed token, for which the user is not asked anything.
const tokenRefresh = "token_refresh"

// UnmarshalJSON accepts any claim, as most providers' has no times. An object of the array must be
// understood.
func (m *methods) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		return nil
	}
	var all []json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for _, one := range all {
		if one[0] != '{' {
			continue
		}
		var used struct {
			Method string  `json:"method"`
			At     instant `json:"timestamp"`
		}
		if err := decode(one, &used); err != nil {
			return err
		}
		if used.Method != tokenRefresh && used.At.After(m.newest) {
			m.newest = used.At.Time
		}
	}
	return nil
}

// audience is a string or an array of strings.
type audience []string

// UnmarshalJSON accepts either.
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

// UnmarshalJSON accepts times from 1970 to 9999.
func (i *instant) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	if seconds <= 0 || seconds > 253_402_300_799 {
		return errors.New("invalid time")
	}
	whole, part := math.Modf(seconds)
	i.Time = time.Unix(int64(whole), int64(part*1e9))
	return nil
}

// boolean is a boolean that some providers write as a string.
type boolean bool

// UnmarshalJSON accepts either; anything else is false.
func (t *boolean) UnmarshalJSON(text []byte) error {
	s := string(text)
	*t = s == "true" || s == `"true"`
	return nil
}
