package trial

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sixty/bench/internal/fleet"
)

// The extent of the siege.
const (
	besiegers      = 96 // concurrent wrong passwords: more than two queues of the hasher hold
	siegeArrivals  = 10 // sign-ins of each kind of client
	siegeAtMost    = 5 * time.Minute
	siegePause     = 50 * time.Millisecond
	streamsTried   = 60
	streamsAllowed = 20
	homeAddress    = "192.0.2.1"
)

// During a flood of wrong passwords from fresh networks, half of them in a person's name, that
// person signs in at once from a known device and from a known network; and a principal that opens streams does not take those of others.
func TestSiege(t *testing.T) { //nolint:paralleltest // measures times
	server, key := attacked(t)
	began := time.Now()
	status, device := arriveFrom(t, server.Addr, homeAddress, "")
	if status != http.StatusOK || device == "" {
		t.Fatalf("signing in: %d", status)
	}
	quiet := time.Since(began)

	ctx, cancel := context.WithTimeout(t.Context(), siegeAtMost)
	defer cancel()
	var attackers sync.WaitGroup
	var tried, unavailable atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: besiegers}}
	defer client.CloseIdleConnections()
	flood, stop := context.WithCancel(ctx)
	defer stop()
	for i := range besiegers {
		attackers.Go(func() {
			for n := 0; flood.Err() == nil; n++ {
				email := personsEmail
				if n%2 == 0 {
					email = fmt.Sprintf("person-%d-%d@attacked.example", i, n)
				}
				address := fmt.Sprintf("2001:db8:%x:%x::1", i, n%65536)
				if n%3 == 0 {
					address = fmt.Sprintf("198.%d.%d.%d", 18+i%2, n/250%250, 1+n%250)
				}
				status, _, err := logInFrom(flood, client, server.Addr, email, "wrong password", address, "")
				if err != nil {
					continue
				}
				tried.Add(1)
				if status == http.StatusServiceUnavailable {
					unavailable.Add(1)
				}
			}
		})
	}
	// The flood has begun when the hasher rejects most of it.
	wait := time.NewTicker(siegePause)
	defer wait.Stop()
	for unavailable.Load() < 10*besiegers {
		select {
		case <-wait.C:
		case <-ctx.Done():
			t.Fatalf("of %d attempts, %d were answered 503", tried.Load(), unavailable.Load())
		}
	}
	t.Logf("%-16s%10s%10s%10s%12s%12s", "the person", "200", "429", "503", "median", "longest")
	for _, c := range []struct {
		name, address string // "": always another one
		device        string
		enters        bool
	}{
		// Each sign-in makes a network known, of which the last ten are.
		{"neither", "", "", false}, {"known network", homeAddress, "", true}, {"known device", "", device, true},
	} {
		var took []time.Duration
		statuses := map[int]int{}
		for i := range siegeArrivals {
			address := c.address
			if address == "" {
				address = fmt.Sprintf("203.0.113.%d", len(c.name)*10+i)
			}
			began := time.Now()
			status, _ := arriveFrom(t, server.Addr, address, c.device)
			took = append(took, time.Since(began))
			statuses[status]++
		}
		slices.Sort(took)
		t.Logf("%-16s%10d%10d%10d%12s%12s", c.name, statuses[200], statuses[429], statuses[503], percentile(took, 50), percentile(took, 100))
		if c.enters && statuses[http.StatusOK] != siegeArrivals {
			t.Errorf("%s: %v", c.name, statuses)
		}
	}
	stop()
	attackers.Wait()
	peak, err := server.Peak()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("without a flood it takes %s; of %d attempts %d were answered 503; the server's peak memory is %d MB",
		quiet.Round(time.Millisecond), tried.Load(), unavailable.Load(), peak>>20)
	if peak > memoryAtMost {
		t.Errorf("the server takes %d MB, more than %d", peak>>20, memoryAtMost>>20)
	}
	testStreamsOfOne(t, server, key)
}

// testStreamsOfOne opens more streams of one principal than it may have.
func testStreamsOfOne(t *testing.T, server *fleet.Process, key string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	open, rejected := 0, 0
	for range streamsTried {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.Addr+"/api/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		switch res.StatusCode {
		case http.StatusOK:
			open++
			if _, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil {
				t.Error(err)
			}
		case http.StatusTooManyRequests:
			rejected++
		default:
			t.Errorf("a stream: %d", res.StatusCode)
		}
	}
	t.Logf("of %d streams of one principal, %d are open and %d rejected", streamsTried, open, rejected)
	if open != streamsAllowed || rejected != streamsTried-streamsAllowed {
		t.Errorf("%d streams are open and %d rejected", open, rejected)
	}
}

// arriveFrom signs the person in from an address, and returns the device cookie.
func arriveFrom(t *testing.T, addr, address, device string) (status int, cookie string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: siegeAtMost}
	status, cookie, err := logInFrom(t.Context(), client, addr, personsEmail, goodPassword, address, device)
	if err != nil {
		t.Fatalf("sign-in with the right password: %v", err)
	}
	return status, cookie
}

func logInFrom(ctx context.Context, client *http.Client, addr, email, password, address, device string) (status int, cookie string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/api/auth/login",
		strings.NewReader(fmt.Sprintf(`{"email":%q,"password":%q}`, email, password)))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", address)
	if device != "" {
		req.Header.Set("Cookie", device)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	for _, c := range res.Cookies() {
		if c.Name == "sixty_device" {
			cookie = c.Name + "=" + c.Value
		}
	}
	return res.StatusCode, cookie, nil
}
