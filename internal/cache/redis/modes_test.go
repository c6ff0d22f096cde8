package redis_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sixty/internal/redis"
)

func TestPasswordAndDatabase(t *testing.T) {
	t.Parallel()
	s := plain(t, "--requirepass", "secret")
	r := open(t, s.address(), func(o *redis.Options) { o.Password, o.DB = "secret", 3 })
	works(t, r, "with the password")
	if keys := s.cli(t, "--no-auth-warning", "-a", "secret", "-n", "3", "DBSIZE"); strings.TrimSpace(keys) != "1" {
		t.Errorf("database 3 has %s keys", keys)
	}
	wrong := open(t, s.address(), func(o *redis.Options) { o.Password = "guessed" })
	if _, ok := wrong.Get(t.Context(), "test"); ok || wrong.Figures().Skipped != 1 {
		t.Errorf("with a wrong password: %+v", wrong.Figures())
	}
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
	gone(t, r)
}

// TestSentinel has a sentinel name the server, and name another one after a failover.
func TestSentinel(t *testing.T) {
	t.Parallel()
	master := plain(t)
	replica := plain(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(config, []byte("sentinel monitor main 127.0.0.1 "+strconv.Itoa(master.port)+" 1\n"+
		"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := newServer(t, "+monitor master main", config, "--sentinel", "--port", "PORT")
	r := open(t, sentinel.address(), func(o *redis.Options) { o.Mode, o.Master = redis.Sentinel, "main" })
	works(t, r, "by the sentinel")
	eventually(t, "the sentinel knows the replica", func() bool {
		return strings.Contains(sentinel.cli(t, "SENTINEL", "REPLICAS", "main"), strconv.Itoa(replica.port))
	})
	eventually(t, "the replica has caught up", func() bool {
		return strings.Contains(replica.cli(t, "INFO", "replication"), "master_link_status:up")
	})
	master.stop()
	works(t, r, "after the failover")
	if role := replica.cli(t, "ROLE"); !strings.HasPrefix(role, "master") {
		t.Errorf("the replica is a %s", role)
	}
}
