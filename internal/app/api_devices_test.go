package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// visitor signs in from an address, by a proxy, with a device cookie.
type visitor struct {
	*client
	address string
	device  *http.Cookie // nil: none
}

// enter tries to sign in, and stores the device cookie that is set.
func (v *visitor) enter(email, password string) (status int, retryAfter string) {
	v.t.Helper()
	headers := []string{"X-Forwarded-For", v.address}
	if v.device != nil {
		headers = append(headers, "Cookie", v.device.Name+"="+v.device.Value)
	}
	status, header, _ := v.raw("POST", "/api/auth/login", "", object{"email": email, "password": password}, headers...)
	for _, line := range header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && strings.HasSuffix(c.Name, "sixty_device") {
			v.device = c
		}
	}
	return status, header.Get("Retry-After")
}

// behindProxy trusts the tests' own address to name those of clients.
func behindProxy(cfg *config.Config) { cfg.TrustedProxies = []string{"127.0.0.1"} }

// Signing in makes a device known by a cookie. Others who fail at its address, and use up the
// rate limits there, do not keep it out.
func TestKnownDevice(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		c.member(c.organisation("Devices").ID, "ada@acme.example", crm.RoleRep)
		laptop := &visitor{client: c, address: "127.0.0.1"}
		if status, _ := laptop.enter("ada@acme.example", goodPassword); status != http.StatusOK {
			t.Fatalf("%d", status)
		}
		k := laptop.device
		if k == nil || k.Name != "sixty_device" || !k.HttpOnly || k.Secure || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || k.MaxAge != 180*24*3600 {
			t.Fatalf("the cookie is %+v", k)
		}
		if status, _ := (&visitor{client: c, address: "127.0.0.1", device: &http.Cookie{Name: k.Name, Value: "x" + k.Value[1:]}}).enter("ada@acme.example", "wrong password"); status != http.StatusUnauthorized {
			t.Errorf("a forged cookie: %d", status)
		}
	})
	c := boot(t, "sqlite", behindProxy, func(cfg *config.Config) { cfg.LimitAPI = config.Rate{Requests: 10, Window: time.Hour} })
	c.member(c.organisation("Office").ID, "ada@acme.example", crm.RoleRep)
	const office = "192.0.2.1"
	laptop, attacker := &visitor{client: c, address: office}, &visitor{client: c, address: office}
	if status, _ := laptop.enter("ada@acme.example", goodPassword); status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	for i := range 12 {
		status, _ := attacker.enter("ada@acme.example", "wrong password")
		if want := i < 6; (status == http.StatusUnauthorized) != want {
			t.Fatalf("try %d: %d", i, status)
		}
	}
	if status, after := attacker.enter("ada@acme.example", goodPassword); status != http.StatusTooManyRequests || after == "" {
		t.Errorf("without the cookie: %d, Retry-After %s", status, after)
	}
	if status, after := laptop.enter("ada@acme.example", goodPassword); status != http.StatusOK {
		t.Errorf("with the cookie: %d, Retry-After %s", status, after)
	}
}

// Behind TLS the cookie is for TLS and this host alone.
func TestSecureDeviceCookie(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", behindProxy, func(cfg *config.Config) { cfg.Env = config.Production })
	c.member(c.organisation("Secure").ID, "ada@acme.example", crm.RoleRep)
	v := &visitor{client: c, address: "192.0.2.1"}
	if status, _ := v.enter("ada@acme.example", goodPassword); status != http.StatusOK || v.device == nil {
		t.Fatalf("%d", status)
	}
	if k := v.device; k.Name != "__Host-sixty_device" || !k.Secure || !k.HttpOnly || k.Path != "/" || k.Domain != "" {
		t.Errorf("the cookie is %+v", k)
	}
}

// A flood of wrong passwords from fresh addresses, for accounts that there are and are not,
// keeps no one out who is known by device or network.
func TestSignInDuringAFlood(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", behindProxy)
	c.member(c.organisation("Flood").ID, "ada@acme.example", crm.RoleRep)
	home := &visitor{client: c, address: "192.0.2.1"}
	if status, _ := home.enter("ada@acme.example", goodPassword); status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	const attackers = 80 // more than all queues of the hasher hold
	ended, stop := make(chan int, attackers), make(chan struct{})
	for i := range attackers {
		go func() {
			rejected := 0
			for n := 0; ; n++ {
				select {
				case <-stop:
					ended <- rejected
					return
				default:
				}
				email := "ada@acme.example"
				if n%2 == 0 {
					email = fmt.Sprintf("user%d@acme.example", n)
				}
				status, _, _ := c.raw("POST", "/api/auth/login", "", object{"email": email, "password": "wrong password"},
					"X-Forwarded-For", fmt.Sprintf("2001:db8:%x:%x::1", i, n%65536))
				if status == http.StatusServiceUnavailable {
					rejected++
				}
			}
		}()
	}
	eventually(t, "the hasher rejects attempts", func() bool {
		status, _, _ := c.raw("POST", "/api/auth/login", "", object{"email": "x@acme.example", "password": "wrong password"}, "X-Forwarded-For", "2001:db8:ffff::1")
		return status == http.StatusServiceUnavailable
	})
	for i := range 5 {
		device := &visitor{client: c, address: fmt.Sprintf("198.51.100.%d", i), device: home.device}
		if status, _ := device.enter("ada@acme.example", goodPassword); status != http.StatusOK {
			t.Errorf("from a known device: %d", status)
		}
		network := &visitor{client: c, address: home.address}
		if status, _ := network.enter("ada@acme.example", goodPassword); status != http.StatusOK {
			t.Errorf("from a known network: %d", status)
		}
	}
	close(stop)
	total := 0
	for range attackers {
		total += <-ended
	}
	if total == 0 {
		t.Error("nothing of the flood was rejected")
	}
}

// Someone with an old device cookie uses up its own requests, and then those of their address:
// neither the account's other devices nor the person elsewhere must wait.
func TestOldDeviceCookie(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", behindProxy, func(cfg *config.Config) { cfg.LimitAPI = config.Rate{Requests: 20, Window: time.Hour} })
	c.member(c.organisation("Shared").ID, "ada@acme.example", crm.RoleRep)
	const office = "192.0.2.1"
	left, laptop := &visitor{client: c, address: office}, &visitor{client: c, address: office}
	for _, v := range []*visitor{left, laptop} {
		if status, _ := v.enter("ada@acme.example", goodPassword); status != http.StatusOK {
			t.Fatalf("%d", status)
		}
	}
	finder := &visitor{client: c, address: "198.51.100.1", device: left.device}
	admitted := 0
	for range 40 {
		if status, _ := finder.enter("x@acme.example", "wrong password"); status == http.StatusUnauthorized {
			admitted++
		}
	}
	if admitted > 6 { // for failures of an account in a network
		t.Errorf("%d are admitted", admitted)
	}
	if status, _ := finder.enter("ada@acme.example", goodPassword); status != http.StatusTooManyRequests {
		t.Errorf("at an address that has used up its requests: %d", status)
	}
	if status, after := laptop.enter("ada@acme.example", goodPassword); status != http.StatusOK {
		t.Errorf("another device: %d, Retry-After %s", status, after)
	}
	if status, after := (&visitor{client: c, address: office, device: left.device}).enter("ada@acme.example", goodPassword); status != http.StatusOK {
		t.Errorf("the same device at another address: %d, Retry-After %s", status, after)
	}
}
