package app

import (
	"errors"

	"sixty/internal/config"
	"sixty/internal/store/postgres"
)

// VerifiedSource returns the URL of a PostgreSQL database other than the program's own, so that the
// server is verified where that one would be. Its error says what is wrong with the URL.
func VerifiedSource(cfg config.Base, url string) (string, error) {
	if !cfg.MustVerify(config.InsecureDatabase) {
		return url, nil
	}
	verified, err := postgres.Verified(url)
	if errors.Is(err, postgres.ErrUnverified) {
		return "", errors.New(unverified(cfg))
	}
	return verified, err
}

// unverified says of a URL that its sslmode does not suffice.
func unverified(cfg config.Base) string {
	return "has an sslmode that does not verify the server, which is on another host: " +
		"in production leave it out or make it verify-full, and name the authority by sslrootcert; " + orTrusted(cfg)
}

// orTrusted says how to do without verification.
func orTrusted(cfg config.Base) string {
	return "or set " + config.NameOf(cfg, "AllowInsecure") + " to " + config.InsecureDatabase + ", if the network between them is trusted"
}
