package webhooks

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// secretPrefix begins every secret, as Standard Webhooks has it.
const secretPrefix = "whsec_"

// newSecret returns a random secret of 256 bits.
func newSecret() string {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never an error
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// signatures returns the value of webhook-signature: that by each secret.
func signatures(secrets []string, id string, timestamp int64, body []byte) string {
	all := make([]string, len(secrets))
	for i, secret := range secrets {
		// A secret that is not valid base64 would only make a signature that no receiver accepts.
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(timestamp, 10) + "."))
		mac.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}
