package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	// AttemptTTL is how long a sign-in at the provider may take.
	AttemptTTL = 10 * time.Minute
	// MaxReturnTo bounds the URL to return to in bytes, since a cookie contains it.
	MaxReturnTo = 1024

	// maxExchanges bounds the concurrent code exchanges.
	maxExchanges    = 16
	exchangeTimeout = 5 * time.Second
	maxCode         = 4096 // bytes
)

// An attempt is a started sign-in: a random secret known only to the browser that started
// it, the start time, the URL to return to, and whether the provider must ask the user again
// who they are. All parameters sent to the provider are derived from all of it, so that no part
// can be changed afterwards.
type attempt struct {
	text           string // SECRET.SECONDS.RETURN-TO, and .reauthenticate if it must
	began          time.Time
	returnTo       string
	reauthenticate bool
}

const reauthenticateMark = ".reauthenticate"

var encoding = base64.RawURLEncoding.Strict()

func newAttempt(now time.Time, returnTo string, reauthenticate bool) attempt {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand ends the program instead
	text := encoding.EncodeToString(secret[:]) + "." + strconv.FormatInt(now.Unix(), 10) + "." + encoding.EncodeToString([]byte(returnTo))
	if reauthenticate {
		text += reauthenticateMark
	}
	return attempt{text, time.Unix(now.Unix(), 0), returnTo, reauthenticate}
}

// openAttempt parses the text of an attempt.
func openAttempt(text string) (attempt, bool) {
	parts, reauthenticate := strings.CutSuffix(text, reauthenticateMark)
	secret, rest, _ := strings.Cut(parts, ".")
	seconds, where, found := strings.Cut(rest, ".")
	if random, err := encoding.DecodeString(secret); err != nil || !found || len(random) != 32 {
		return attempt{}, false
	}
	began, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return attempt{}, false
	}
	returnTo, err := encoding.DecodeString(where)
	if err != nil || len(returnTo) > MaxReturnTo {
		return attempt{}, false
	}
	return attempt{text, time.Unix(began, 0), string(returnTo), reauthenticate}, true
}

// derived returns the value of one of the provider's parameters: 43 characters, the minimum
// for a PKCE verifier (RFC 7636 section 4.1).
func (a attempt) derived(what string) string {
	sum := sha256.Sum256([]byte(what + " " + a.text))
	return encoding.EncodeToString(sum[:])
}

func (a attempt) state() string    { return a.derived("state") }
func (a attempt) nonce() string    { return a.derived("nonce") }
func (a attempt) verifier() string { return a.derived("verifier") }

// Begin starts a sign-in, at which the provider asks the user again who they are if reauthenticate
// is set. The browser must store secret, invisible to others, and be redirected to location. It
// returns ErrUnavailable if the provider is down.
func (p *Provider) Begin(ctx context.Context, returnTo string, reauthenticate bool) (secret, location string, err error) {
	c, err := p.flow(ctx)
	if err != nil {
		return "", "", err
	}
	a := newAttempt(p.o.Now(), returnTo, reauthenticate)
	parameters := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("nonce", a.nonce()), oauth2.S256ChallengeOption(a.verifier())}
	if reauthenticate { // OpenID Connect Core 1.0 section 3.1.2.1
		parameters = append(parameters, oauth2.SetAuthURLParam("max_age", "0"))
	}
	return a.text, c.AuthCodeURL(a.state(), parameters...), nil
}

// flow returns the configuration of the code flow as the provider publishes it.
func (p *Provider) flow(ctx context.Context) (*oauth2.Config, error) {
	known, err := p.remote.get(ctx, func(k *published) bool { return k.endpoint.AuthURL != "" && k.endpoint.TokenURL != "" })
	if err != nil {
		return nil, err
	}
	c := &oauth2.Config{
		ClientID: p.o.ClientID, ClientSecret: p.secrets.Load().client, RedirectURL: p.o.RedirectURL,
		Endpoint: known.endpoint, Scopes: []string{"openid", "email", "profile"},
	}
	if c.ClientSecret == "" { // a public client authenticates by PKCE only
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return c, nil
}

// Returned returns where a sign-in returns to, given the secret in the browser and the query
// with which the provider has redirected it; ErrNotBegun if they do not match.
func (p *Provider) Returned(secret string, q url.Values) (returnTo string, err error) {
	a, err := p.attempt(secret, q)
	return a.returnTo, err
}

func (p *Provider) attempt(secret string, q url.Values) (attempt, error) {
	a, ok := openAttempt(secret)
	state := q["state"]
	if !ok || len(state) != 1 || subtle.ConstantTimeCompare([]byte(state[0]), []byte(a.state())) != 1 {
		return attempt{}, ErrNotBegun
	}
	if age := p.o.Now().Sub(a.began); age < -leeway || age >= AttemptTTL {
		return attempt{}, ErrNotBegun
	}
	return a, nil
}

// Finish exchanges the code in the query for the claims of the user. Errors are those of
// Returned, ErrRejected and ErrUnavailable, or the context's; ErrNotAsked if the provider was to
// ask the user again who they are, and does not say that it has.
func (p *Provider) Finish(ctx context.Context, secret string, q url.Values) (Claims, error) {
	c, err := p.finish(ctx, secret, q)
	if errors.Is(err, ErrRejected) {
		p.o.Logger.InfoContext(ctx, "sign-in at the identity provider rejected", "reason", err)
	}
	return c, err
}

func (p *Provider) finish(ctx context.Context, secret string, q url.Values) (Claims, error) {
	a, err := p.attempt(secret, q)
	if err != nil {
		return Claims{}, err
	}
	code := q["code"]
	switch {
	case q.Has("error"):
		return Claims{}, rejected("the provider returned the error %.100q", q.Get("error"))
	case q.Has("iss") && q.Get("iss") != p.o.Issuer: // RFC 9207
		return Claims{}, rejected("response of another provider")
	case len(code) != 1 || code[0] == "" || len(code[0]) > maxCode:
		return Claims{}, rejected("no code")
	}
	select {
	case p.exchanges <- struct{}{}:
		defer func() { <-p.exchanges }()
	default:
		return Claims{}, ErrUnavailable
	}
	token, err := p.exchange(ctx, code[0], a.verifier())
	if err != nil {
		return Claims{}, err
	}
	claims, err := p.identified(ctx, token, a.nonce())
	if err == nil && a.reauthenticate && claims.AuthTime.Before(a.began.Add(-leeway)) {
		return Claims{}, ErrNotAsked
	}
	return claims, err
}

// exchange exchanges a code for the ID token.
func (p *Provider) exchange(ctx context.Context, code, verifier string) (string, error) {
	c, err := p.flow(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, p.client), exchangeTimeout)
	defer cancel()
	answer, err := c.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		p.o.Logger.Warn("the identity provider did not exchange a code", "error", brief(err))
		var answered *oauth2.RetrieveError
		if errors.As(err, &answered) && answered.Response.StatusCode < http.StatusInternalServerError {
			return "", rejected("%s", brief(err))
		}
		return "", ErrUnavailable
	}
	token, ok := answer.Extra("id_token").(string)
	if !ok {
		return "", rejected("the provider returned no ID token")
	}
	return token, nil
}

// identified verifies an ID token and returns its claims (OpenID Connect Core 1.0 section
// 3.1.3.7).
func (p *Provider) identified(ctx context.Context, token, nonce string) (Claims, error) {
	payload, err := p.remote.signed(ctx, token)
	if err != nil {
		return Claims{}, err
	}
	c, err := readClaims(payload, p.o.Issuer, []string{p.o.ClientID}, p.o.Audiences, p.o.Now())
	if err != nil {
		return Claims{}, err
	}
	switch {
	case c.party != "" && c.party != p.o.ClientID:
		return Claims{}, rejected("token of another client")
	case subtle.ConstantTimeCompare([]byte(c.nonce), []byte(nonce)) != 1:
		return Claims{}, rejected("token of another sign-in")
	}
	return c, nil
}
