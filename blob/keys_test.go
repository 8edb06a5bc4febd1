package blob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// clear unsets what the environment says about credentials, and sets what the
// test says.
func clear(t *testing.T, set map[string]string) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "AZURE_") || strings.HasPrefix(name, "GOOGLE_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range set {
		t.Setenv(name, value)
	}
}

// Where the keys of S3 are looked for, by the access key that a request is
// signed with.
func TestS3Keys(t *testing.T) {
	var got atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost { // STS
			r.ParseForm()
			fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>%s+%s</AccessKeyId>`+
				`<SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
				accessKey(r), r.Form.Get("RoleArn"), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			return
		}
		if r.URL.Path == "/container" {
			json.NewEncoder(w).Encode(map[string]any{"AccessKeyId": "CONTAINER", "SecretAccessKey": "x", "Token": "y", "Expiration": time.Now().Add(time.Hour)})
			return
		}
		got.Store(accessKey(r) + " " + scope(r))
		w.Header().Set("Last-Modified", fakeTime.Format(http.TimeFormat))
		w.Header().Set("Etag", `"1"`)
	}))
	defer s.Close()
	dir := t.TempDir()
	config := write(t, dir, "config", "[default]\nregion = eu-central-1\n\n[profile work]\nregion = eu-west-3\naws_access_key_id = WORK\naws_secret_access_key = x\n\n"+
		"[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = work\nregion = eu-west-1\n\n"+
		"[profile process]\ncredential_process = cat "+write(t, dir, "process", `{"Version":1,"AccessKeyId":"PROCESS","SecretAccessKey":"x"}`)+"\n\n"+
		"[profile circle]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = circle2\n[profile circle2]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = circle\n")
	keys := write(t, dir, "credentials", "[default]\naws_access_key_id = FILE\naws_secret_access_key = x\n[other]\naws_access_key_id = OTHER\naws_secret_access_key = x\n")
	for name, c := range map[string]struct {
		query, want string
		env         map[string]string
	}{
		"environment":                {"&region=r", "ENV r", map[string]string{"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "x"}},
		"region of the environment":  {"", "ENV r2", map[string]string{"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "r2"}},
		"default profile":            {"", "FILE eu-central-1", nil},
		"profile of the environment": {"", "WORK eu-west-3", map[string]string{"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "x"}},
		"profile of the URL":         {"&profile=other&region=r", "OTHER r", map[string]string{"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "x"}},
		"role of a profile":          {"&profile=role", "WORK+arn:aws:iam::1:role/r eu-west-1", map[string]string{"AWS_ENDPOINT_URL_STS": s.URL}},
		"role of the URL":            {"&role=arn:aws:iam::2:role/q&region=r", "FILE+arn:aws:iam::2:role/q r", map[string]string{"AWS_ENDPOINT_URL_STS": s.URL}},
		"process":                    {"&profile=process&region=r", "PROCESS r", nil},
		"container":                  {"&region=r", "CONTAINER r", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": dir + "/none", "AWS_CONTAINER_CREDENTIALS_FULL_URI": s.URL + "/container"}},
		"anonymous":                  {"&anonymous=true&region=r", " ", nil},
	} {
		t.Run(name, func(t *testing.T) {
			clear(t, map[string]string{"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": keys})
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			b, err := openBucket(t.Context(), "s3://bucket", "?endpoint="+s.URL+c.query)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Open(t.Context(), "x"); err != nil || got.Load() != c.want {
				t.Errorf("signed by %q, want %q, %v", got.Load(), c.want, err)
			}
		})
	}
	for query, want := range map[string]string{"?profile=absent": "absent", "?profile=circle": "circle", "?regoin=x": "regoin", "?anonymous=maybe": "maybe"} {
		clear(t, map[string]string{"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": keys})
		if _, err := openBucket(t.Context(), "s3://bucket", query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", query, err)
		}
	}
	clear(t, nil)
	b, err := openBucket(t.Context(), "s3://bucket", "?region=r&endpoint="+s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(t.Context(), "x"); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
}

// accessKey and scope (the region) are those of a signature.
func accessKey(r *http.Request) string {
	_, s, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(s, "/2")
	return key
}

func scope(r *http.Request) string {
	_, s, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(strings.TrimPrefix(s, accessKey(r)), "/"); len(parts) > 2 {
		return parts[2]
	}
	return ""
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The signature that Azure's own client (azblob v1.8.0) gives to the same
// requests.
func TestAzureSharedKey(t *testing.T) {
	for _, c := range []struct{ method, url, body, want string }{
		{http.MethodHead, "https://account.blob.core.windows.net/container/c%20d%2F%C3%A9%20%3F", "", "SharedKey account:+KQDbQHsRKUQ7T3PKmzlS7YG3jcy7s2xbbRFNo5NKKA="},
		{http.MethodPut, "https://account.blob.core.windows.net/container/c%20d%2F%C3%A9%20%3F?blockid=YWJj&comp=block", "hello", "SharedKey account:s+pmWTTAisbeapWxFC9OiKORZdez8Eayj2fl5WAGFNo="},
	} {
		r, err := http.NewRequest(c.method, c.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Ms-Version", azureVersion)
		r.Header.Set("If-Match", `"v1"`)
		r.Header.Set("X-Ms-Range", "bytes=3-9")
		if c.body != "" {
			r.Header.Set("Content-Type", "application/octet-stream")
		}
		if err := signShared(r, "account", []byte("key"), fakeTime); err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("Authorization"); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.url, got, c.want)
		}
	}
}

// How requests to Azure are authorized, by what the environment says.
func TestAzureKeys(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		switch {
		case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
			fmt.Fprintf(w, `{"access_token":"%s","expires_in":3600}`, r.Form.Get("client_secret")+r.Form.Get("client_assertion"))
		case r.URL.Path == "/identity":
			fmt.Fprintf(w, `{"access_token":"%s","expires_on":"%d"}`, r.Header.Get("X-Identity-Header"), time.Now().Add(time.Hour).Unix())
		default:
			w.Header().Set("X-Ms-Error-Code", r.Header.Get("Authorization")+r.Form.Get("sig"))
			w.WriteHeader(http.StatusConflict)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	assertion := write(t, t.TempDir(), "token", "ASSERTION\n")
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"key":               {map[string]string{"AZURE_STORAGE_KEY": "a2V5"}, "SharedKey account:"},
		"connection string": {map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;AccountName=account;AccountKey=a2V5ISE=;BlobEndpoint=" + server.URL + "/account"}, "SharedKey account:"},
		"signature":         {map[string]string{"AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=SIG%2F"}, "SIG/"},
		"service principal": {map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "SECRET", "AZURE_AUTHORITY_HOST": server.URL}, "Bearer SECRET"},
		"workload":          {map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": assertion, "AZURE_AUTHORITY_HOST": server.URL + "/"}, "Bearer ASSERTION"},
		"identity":          {map[string]string{"IDENTITY_ENDPOINT": server.URL + "/identity", "IDENTITY_HEADER": "IDENTITY"}, "Bearer IDENTITY"},
	} {
		t.Run(name, func(t *testing.T) {
			clear(t, map[string]string{"AZURE_STORAGE_ACCOUNT": "account", "AZURE_STORAGE_DOMAIN": host, "AZURE_STORAGE_PROTOCOL": "http"})
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			b, err := openBucket(t.Context(), "azblob://container", "")
			if err != nil {
				t.Fatal(err)
			}
			err = b.Remove(t.Context(), "x")
			var r *refusal
			if !errors.As(err, &r) || !strings.HasPrefix(r.code, c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	clear(t, map[string]string{"AZURE_STORAGE_ACCOUNT": "account", "AZURE_STORAGE_SAS_TOKEN": "sig=x"})
	if _, err := openBucket(t.Context(), "azblob://container", "?domain=elsewhere.example"); err == nil {
		t.Error("a signature of the environment goes to a server that the URL chose")
	}
}

// What is secret in a request is not in its error: a shared access signature, and
// the place of an upload.
func TestErrorsKeepSecrets(t *testing.T) {
	clear(t, map[string]string{"AZURE_STORAGE_ACCOUNT": "account", "AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=hush", "AZURE_STORAGE_PROTOCOL": "http", "AZURE_STORAGE_DOMAIN": "127.0.0.1:1"})
	b, err := openBucket(t.Context(), "azblob://container", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err = b.stat(ctx, "key")
	if err = b.wrap("open", "key", err); err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "azblob://container/key") {
		t.Errorf("got %v", err)
	}
	fails := false
	root := fakeGCS(t, func(w http.ResponseWriter, r *http.Request) bool {
		if fails = fails || strings.Contains(r.URL.RawQuery, "upload_id"); fails {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	w, err := Create(ctx, Join(root, "x"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = w.Write(make([]byte, partBytes))
	}
	if closed := w.Close(); closed == nil || strings.Contains(closed.Error()+err.Error(), "hush") || !strings.Contains(err.Error(), root+"x") {
		t.Errorf("got %v, %v", err, closed)
	}
}

// An upload in parts survives a server that refuses, or breaks off, one request
// in three.
func TestUploadRetries(t *testing.T) {
	var requests atomic.Int64
	lame := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut && r.Method != http.MethodPost {
			return false
		}
		switch requests.Add(1) % 6 {
		case 2:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case 5:
			io.CopyN(io.Discard, r.Body, 1<<20)
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	}
	data := make([]byte, 3*partBytes+12345)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	for _, root := range []string{fakeS3(t, lame), fakeGCS(t, lame), fakeAzure(t, lame)} {
		put(t, Join(root, "x"), data)
		got, err := ReadAll(t.Context(), Join(root, "x"))
		if err != nil || string(got) != string(data) {
			t.Errorf("%s: %d bytes of %d, %v", root, len(got), len(data), err)
		}
	}
}

// A run that is stopped waits for no server: neither in a request nor between
// two of them.
func TestCancel(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	slow := func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "busy") {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return true
		}
		select {
		case <-hang:
		case <-r.Context().Done():
		}
		return true
	}
	for _, root := range []string{fakeS3(t, slow), fakeGCS(t, slow), fakeAzure(t, slow)} {
		for _, key := range []string{"hangs", "busy"} {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			start := time.Now()
			_, err := Open(ctx, Join(root, key))
			w, created := Create(ctx, Join(root, key))
			if created == nil {
				created = w.Close()
			}
			cancel()
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(created, context.DeadlineExceeded) || took > 5*time.Second {
				t.Errorf("%s%s: %v, %v after %v", root, key, err, created, took)
			}
		}
	}
}

// S3's listing goes over pages, and a bucket of another region is an error that
// says which.
func TestS3PagesAndRegion(t *testing.T) {
	root := fakeS3(t, nil)
	var want []string
	for i := range 7 {
		want = append(want, fmt.Sprintf("p/%d", i))
		put(t, Join(root, want[i]), nil)
	}
	base, _, query := Split(root)
	b, err := openBucket(t.Context(), base, query)
	if err != nil {
		t.Fatal(err)
	}
	b.service.(*s3).page = 3
	var got []string
	for info, err := range b.List(t.Context(), "p") {
		if err != nil {
			t.Fatal(err)
		}
		_, key, _ := Split(info.Path)
		got = append(got, key)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("listed %q", got)
	}
	root = fakeS3(t, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("X-Amz-Bucket-Region", "eu-north-1")
		w.WriteHeader(http.StatusMovedPermanently)
		return true
	})
	if _, err := Open(t.Context(), Join(root, "x")); err == nil || !strings.Contains(err.Error(), "region=eu-north-1") {
		t.Errorf("got %v", err)
	}
}

// Requests to Google carry a token of the Application Default Credentials.
func TestGCSKeys(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/computeMetadata/v1/instance/service-accounts/default/token" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"MACHINE","token_type":"Bearer","expires_in":3600}`)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/computeMetadata") {
			w.Header().Set("Metadata-Flavor", "Google")
			fmt.Fprint(w, "project")
			return
		}
		http.Error(w, `{"error":{"message":"`+r.Header.Get("Authorization")+`"}}`, http.StatusConflict)
	}))
	defer server.Close()
	clear(t, map[string]string{"GCE_METADATA_HOST": strings.TrimPrefix(server.URL, "http://"), "STORAGE_EMULATOR_HOST": ""})
	for query, want := range map[string]string{"": "Bearer MACHINE", "?anonymous=true": "", "?access_id=-": ""} {
		b, err := openBucket(t.Context(), "gs://bucket", query)
		if err != nil {
			t.Fatal(err)
		}
		b.service.(*gcs).host = server.URL
		err = b.Remove(t.Context(), "x")
		var r *refusal
		if !errors.As(err, &r) || r.message != want {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
	clear(t, map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json"})
	if _, err := openBucket(t.Context(), "gs://bucket", ""); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "gcloud auth") {
		t.Errorf("without credentials: %v", err)
	}
}
