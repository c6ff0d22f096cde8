package redis_test

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sixty/internal/redis"
	"sixty/internal/servertest"
)

func TestPasswordAndDatabase(t *testing.T) {
	t.Parallel()
	s := plain(t, "--requirepass", "secret")
	r := open(t, s.address(), func(o *redis.Options) { o.Password, o.DB = "secret", 3 })
	works(t, r, "with the password")
	if keys := s.cli(t, "--no-auth-warning", "-a", "secret", "-n", "3", "DBSIZE"); strings.TrimSpace(keys) != "1" {
		t.Errorf("database 3 has %s keys", keys)
	}
	rejected(t, s, "a wrong password", func(o *redis.Options) { o.Password = "guessed" })
}

// A password is replaced while the connection is in use, for the next connections.
func TestPasswordIsReplaced(t *testing.T) {
	t.Parallel()
	s := plain(t, "--requirepass", "old")
	o := redis.Options{
		Addresses: []string{s.address()}, Mode: redis.Single, Credentials: redis.Credentials{Password: "old"}, Logger: slog.New(slog.DiscardHandler),
	}
	conn := redis.New(o)
	t.Cleanup(conn.Close)
	answers := func() bool {
		client := conn.Client()
		return client != nil && client.Do(t.Context(), client.B().Ping().Build()).Error() == nil
	}
	eventually(t, "the old password connects", answers)
	s.cli(t, "--no-auth-warning", "-a", "old", "CONFIG", "SET", "requirepass", "new")
	other := o
	other.Addresses, other.Password = []string{"127.0.0.1:1"}, "new"
	if conn.ReplacePassword(other) {
		t.Error("the password of another server is taken over")
	}
	o.Password = "new"
	if !conn.ReplacePassword(o) {
		t.Error("the password is not replaced")
	}
	s.cli(t, "--no-auth-warning", "-a", "new", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	eventually(t, "the new password connects", answers)
}

// rejected checks that the server rejects the connection, and that the cache works without.
func rejected(t *testing.T, s *server, with string, change func(*redis.Options)) {
	t.Helper()
	tried := make(signal, 1)
	r := open(t, s.address(), change, func(o *redis.Options) { o.Logger = slog.New(slog.NewTextHandler(tried, nil)) })
	select {
	case said := <-tried:
		if !strings.Contains(said, "cannot connect") {
			t.Errorf("with %s the log is: %s", with, said)
		}
	case <-time.After(patience):
		t.Fatalf("with %s nothing is logged", with)
	}
	if _, ok := r.Get(t.Context(), "test"); ok || r.Stats().Skipped != 1 {
		t.Errorf("with %s: %+v", with, r.Stats())
	}
}

// signal is an io.Writer that sends the first message written.
type signal chan string

func (s signal) Write(p []byte) (int, error) {
	select {
	case s <- string(p):
	default:
	}
	return len(p), nil
}

// TestCluster runs on a cluster of one node.
func TestCluster(t *testing.T) {
	t.Parallel()
	s := plain(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")
	s.cli(t, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	eventually(t, "the cluster is ready", func() bool { return strings.Contains(s.cli(t, "CLUSTER", "INFO"), "cluster_state:ok") })
	r := open(t, s.address(), func(o *redis.Options) { o.Mode = redis.Cluster })
	works(t, r, "in a cluster")
	s.stop()
	unavailable(t, r)
}

// TestClusterOfSeveral checks that stopping one of three nodes loses its keys only.
func TestClusterOfSeveral(t *testing.T) {
	t.Parallel()
	var nodes []*server
	for range 3 {
		nodes = append(nodes, plain(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"))
	}
	for i, n := range nodes {
		const slots = 16384
		n.cli(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/len(nodes)), strconv.Itoa((i+1)*slots/len(nodes)-1))
		n.cli(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		nodes[0].cli(t, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(n.port))
	}
	for _, n := range nodes {
		eventually(t, "the nodes know each other", func() bool {
			info := n.cli(t, "CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384") && strings.Contains(info, "cluster_size:3")
		})
	}
	r := open(t, nodes[0].address(), func(o *redis.Options) { o.Mode = redis.Cluster })
	const values = 30
	for i := range values {
		works(t, r, strconv.Itoa(i))
	}
	for i, n := range nodes {
		if strings.TrimSpace(n.cli(t, "DBSIZE")) == "0" {
			t.Errorf("node %d has no keys", i)
		}
	}
	lost, err := strconv.Atoi(strings.TrimSpace(nodes[2].cli(t, "DBSIZE")))
	if err != nil {
		t.Fatal(err)
	}
	nodes[2].stop()
	eventually(t, "the keys of the other nodes are found", func() bool {
		there := 0
		for i := range values {
			if _, ok := r.Get(t.Context(), "test:"+t.Name()+":"+strconv.Itoa(i)); ok {
				there++
			}
		}
		return there == values-lost
	})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority := servertest.Certify(t, dir, "127.0.0.1")
	s := newServer(t, "Ready to accept connections", "--port", "0", "--tls-port", "PORT", "--tls-auth-clients", "no",
		"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"),
		"--tls-ca-cert-file", filepath.Join(dir, "cert.pem"))
	r := open(t, s.address(), func(o *redis.Options) { o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authority} })
	works(t, r, "over TLS")
	rejected(t, s, "an unknown authority", func(o *redis.Options) { o.TLS = &tls.Config{MinVersion: tls.VersionTLS12} })
	rejected(t, s, "no TLS", func(*redis.Options) {})
}

// TestSentinel follows a sentinel to its master, and to another one after a failover. The
// sentinel has a password of its own.
func TestSentinel(t *testing.T) {
	t.Parallel()
	for name, password := range map[string]string{"Open": "", "Password": "secret of sentinels"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testSentinel(t, password)
		})
	}
}

func testSentinel(t *testing.T, password string) {
	t.Helper()
	var servers, authenticated, asked []string // arguments of servers, and of redis-cli to servers and to the sentinel
	settings := ""
	if password != "" {
		servers = []string{"--requirepass", "secret", "--masterauth", "secret"}
		authenticated = []string{"--no-auth-warning", "-a", "secret"}
		asked = []string{"--no-auth-warning", "-a", password}
		settings = "requirepass \"" + password + "\"\nsentinel auth-pass main secret\n"
	}
	master := plain(t, servers...)
	replica := plain(t, append(servers, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))...)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(config, []byte("sentinel monitor main 127.0.0.1 "+strconv.Itoa(master.port)+" 1\n"+
		"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := newServer(t, "+monitor master main", config, "--sentinel", "--port", "PORT")
	if password != "" {
		rejected(t, sentinel, "no password of the sentinel", func(o *redis.Options) {
			o.Mode, o.Master, o.Password = redis.Sentinel, "main", "secret"
		})
	}
	r := open(t, sentinel.address(), func(o *redis.Options) {
		o.Mode, o.Master = redis.Sentinel, "main"
		if password != "" {
			o.Password, o.Sentinels.Password = "secret", password
		}
	})
	works(t, r, "by the sentinel")
	eventually(t, "the sentinel knows the replica", func() bool {
		return strings.Contains(sentinel.cli(t, append(asked, "SENTINEL", "REPLICAS", "main")...), strconv.Itoa(replica.port))
	})
	eventually(t, "the replica has caught up", func() bool {
		return strings.Contains(replica.cli(t, append(authenticated, "INFO", "replication")...), "master_link_status:up")
	})
	master.stop()
	works(t, r, "after the failover")
	if role := replica.cli(t, append(authenticated, "ROLE")...); !strings.HasPrefix(role, "master") {
		t.Errorf("the replica is a %s", role)
	}
}
