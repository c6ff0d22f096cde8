package config

import (
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Files configures where files are kept (imports that were uploaded, exports, reports), and exports.
type Files struct {
	FilesDir       string        `name:"files-dir" env:"SIXTY_FILES_DIR" placeholder:"DIR" help:"Directory of files: uploads, exports and reports; if not set, files in the data directory. Instances share it, or a bucket." group:"server"`
	FilesMaxBytes  int           `name:"files-max-bytes" env:"SIXTY_FILES_MAX_BYTES" default:"21474836480" help:"Size of all files of an organisation, in bytes." group:"server"`
	S3Endpoint     string        `name:"s3-endpoint" env:"SIXTY_S3_ENDPOINT" placeholder:"URL" help:"S3-compatible server of the files, such as https://s3.eu-west-2.amazonaws.com." group:"server"`
	S3Bucket       string        `name:"s3-bucket" env:"SIXTY_S3_BUCKET" help:"Bucket of the files; if not set, they are in a directory." group:"server"`
	S3Region       string        `name:"s3-region" env:"SIXTY_S3_REGION" default:"us-east-1" help:"Region of the bucket." group:"server"`
	S3AccessKey    string        `name:"s3-access-key" env:"SIXTY_S3_ACCESS_KEY" help:"Access key of the bucket." group:"server"`
	S3SecretKey    Secret        `name:"s3-secret-key" env:"SIXTY_S3_SECRET_KEY" placeholder:"KEY" help:"Secret key of the bucket." group:"server"`
	S3PathStyle    bool          `name:"s3-path-style" env:"SIXTY_S3_PATH_STYLE" help:"The bucket is named in the path of URLs, instead of the host." group:"server"`
	ImportMaxBytes int           `name:"import-max-bytes" env:"SIXTY_IMPORT_MAX_BYTES" default:"1073741824" help:"Size of the files of an import over the API, in bytes, all together." group:"server"`
	ExportTimeout  time.Duration `name:"export-timeout" env:"SIXTY_EXPORT_TIMEOUT" default:"30m" help:"Time that an export over the API may take." group:"server"`
	ExportMaxWAL   int           `name:"export-max-wal" env:"SIXTY_EXPORT_MAX_WAL" default:"1073741824" help:"Growth of SQLite's write-ahead log, in bytes, at which an export over the API is ended: its snapshot keeps the log from being reset." group:"server"`
}

const (
	minFiles  = 1 << 20
	minImport = 1 << 10
	maxFiles  = 1 << 50
	minMaxWAL = 16 << 20
)

// FilesFolder returns the directory of files.
func (c Config) FilesFolder() string {
	if c.FilesDir != "" {
		return c.FilesDir
	}
	return filepath.Join(c.DataDir, "files")
}

// S3 returns the host of the bucket's server, as HOST or HOST:PORT, and whether it is reached over
// TLS. ok is false if the endpoint is no such URL.
func (f Files) S3() (host string, tls, ok bool) {
	u, err := url.Parse(f.S3Endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false, false
	}
	return u.Host, u.Scheme == "https", true
}

func (f Files) problems() []string {
	c := checker{settings: f}
	if f.FilesMaxBytes < minFiles || f.FilesMaxBytes > maxFiles {
		c.add("FilesMaxBytes", "must be between %d and %d, not %d", minFiles, maxFiles, f.FilesMaxBytes)
	}
	if f.ImportMaxBytes < minImport || f.ImportMaxBytes > maxFiles {
		c.add("ImportMaxBytes", "must be between %d and %d, not %d", minImport, maxFiles, f.ImportMaxBytes)
	}
	if f.ExportTimeout < time.Second || f.ExportTimeout > maxDuration {
		c.add("ExportTimeout", "must be between 1s and %s, not %s", maxDuration, f.ExportTimeout)
	}
	if f.ExportMaxWAL < minMaxWAL || f.ExportMaxWAL > maxFiles {
		c.add("ExportMaxWAL", "must be between %d and %d, not %d", minMaxWAL, maxFiles, f.ExportMaxWAL)
	}
	if f.S3Bucket == "" {
		for field, given := range map[string]bool{"S3Endpoint": f.S3Endpoint != "", "S3AccessKey": f.S3AccessKey != "", "S3SecretKey": f.S3SecretKey != ""} {
			if given {
				c.add(field, "must not be given without %s", NameOf(f, "S3Bucket"))
			}
		}
		return c.found
	}
	if _, _, ok := f.S3(); !ok {
		c.add("S3Endpoint", "must be a URL such as https://s3.eu-west-2.amazonaws.com, without a path, and is given with %s", NameOf(f, "S3Bucket"))
	}
	if f.FilesDir != "" {
		c.add("FilesDir", "must not be given together with %s", NameOf(f, "S3Bucket"))
	}
	if f.S3AccessKey == "" {
		c.add("S3AccessKey", "must be given with %s", NameOf(f, "S3Bucket"))
	}
	if f.S3SecretKey == "" {
		c.add("S3SecretKey", "must be given with %s", NameOf(f, "S3Bucket"))
	}
	return c.found
}

// bucketProblems returns what is wrong with an unencrypted connection to the bucket.
func (c Config) bucketProblems() []string {
	host, tls, ok := c.S3()
	if c.S3Bucket == "" || !ok || tls || !c.MustVerify(InsecureBucket) {
		return nil
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if isLoopback(name) {
		return nil
	}
	found := checker{settings: c.Files}
	found.add("S3Endpoint", "must begin with https:// in production, where it is on another host; or set %s to %s, if the network between them is trusted",
		NameOf(c.Base, "AllowInsecure"), InsecureBucket)
	return found.found
}
