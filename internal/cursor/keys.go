package cursor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

const (
	minSecretLen = 16 // bytes; a shorter one could be guessed
	maxKeys      = 16

	keyIDLen   = 4
	aesKeyLen  = 32 // AES-256
	macKeyLen  = sha256.Size
	randomLen  = 32
	labelID    = "sixty cursor v1: key id"
	labelSeal  = "sixty cursor v1: AES-256-GCM"
	labelNonce = "sixty cursor v1: HMAC-SHA-256 nonce"
)

// GenerateKey returns a new random secret for [NewSealer]: 32 bytes from the
// system's generator as 64 hexadecimal digits, which need no quoting in an
// environment, a flag or a comma-separated list.
func GenerateKey() string {
	var b [randomLen]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// A keyID identifies the key that sealed a token. It is derived from the secret like the
// keys but reveals nothing of them, so it may be public.
type keyID [keyIDLen]byte

// A key is derived from one configured secret.
type key struct {
	id       keyID
	aead     cipher.AEAD
	nonceKey []byte
}

// deriveKey derives independent keys from a secret. Secrets are free text of varying
// entropy, hence extract first, then expand under one label per use.
func deriveKey(secret string) (key, error) {
	if len(secret) < minSecretLen {
		return key{}, fmt.Errorf("shorter than %d bytes", minSecretLen)
	}
	prk, err := hkdf.Extract(sha256.New, []byte(secret), nil)
	if err != nil {
		return key{}, err
	}
	id, errID := hkdf.Expand(sha256.New, prk, labelID, keyIDLen)
	sealKey, errSeal := hkdf.Expand(sha256.New, prk, labelSeal, aesKeyLen)
	nonceKey, errNonce := hkdf.Expand(sha256.New, prk, labelNonce, macKeyLen)
	if err := errors.Join(errID, errSeal, errNonce); err != nil {
		return key{}, err
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, err
	}
	return key{id: keyID(id), aead: aead, nonceKey: nonceKey}, nil
}

// deriveKeys derives the keys of all secrets and rejects duplicate key ids. Its errors name
// a secret by its position in the list, never by its text.
func deriveKeys(secrets []string) ([]key, error) {
	switch {
	case len(secrets) == 0:
		return nil, errors.New("cursor: no key given")
	case len(secrets) > maxKeys:
		return nil, fmt.Errorf("cursor: %d keys given, at most %d are allowed", len(secrets), maxKeys)
	}
	keys := make([]key, 0, len(secrets))
	for i, secret := range secrets {
		k, err := deriveKey(secret)
		if err != nil {
			return nil, fmt.Errorf("cursor: key %d of %d: %w", i+1, len(secrets), err)
		}
		for j := range keys {
			switch {
			case secrets[j] == secret:
				return nil, fmt.Errorf("cursor: keys %d and %d are equal", j+1, i+1)
			case keys[j].id == k.id:
				return nil, fmt.Errorf("cursor: keys %d and %d have the same key id; replace one of them", j+1, i+1)
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}
