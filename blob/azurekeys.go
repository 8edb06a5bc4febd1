package blob

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// authorize settles how requests are signed: a key of the account, a shared
// access signature, or tokens of Entra. elsewhere says that a URL chose the
// server, which then is given no signature of the environment.
func (a *azure) authorize(account string, connection map[string]string, elsewhere bool) error {
	key, sas := os.Getenv("AZURE_STORAGE_KEY"), os.Getenv("AZURE_STORAGE_SAS_TOKEN")
	if key == "" && sas == "" {
		key, sas = connection["AccountKey"], connection["SharedAccessSignature"]
	}
	switch {
	case key != "":
		secret, err := base64.StdEncoding.DecodeString(key)
		if err != nil {
			return errors.New("the account's key (AZURE_STORAGE_KEY or AccountKey of the connection string) is no base64")
		}
		a.sign = func(r *http.Request) error { return signShared(r, account, secret, time.Now()) }
	case sas != "":
		if elsewhere {
			return errors.New("the URL cannot choose the account or server while AZURE_STORAGE_SAS_TOKEN, or a connection string with a signature, is set")
		}
		a.sas = strings.TrimPrefix(sas, "?")
	default:
		tokens := oauth2.ReuseTokenSource(nil, &entra{client: a.client})
		a.sign = func(r *http.Request) error {
			t, err := tokens.Token()
			if err != nil {
				return err
			}
			t.SetAuthHeader(r)
			return nil
		}
	}
	return nil
}

// signShared signs with the key of an account.
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func signShared(r *http.Request, account string, secret []byte, now time.Time) error {
	r.Header.Set("X-Ms-Date", now.UTC().Format(http.TimeFormat))
	length := ""
	if r.ContentLength > 0 {
		length = strconv.FormatInt(r.ContentLength, 10)
	}
	h := r.Header
	lines := []string{r.Method, h.Get("Content-Encoding"), h.Get("Content-Language"), length, h.Get("Content-MD5"), h.Get("Content-Type"), "",
		h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"), h.Get("Range")}
	for _, key := range slices.Sorted(maps.Keys(h)) {
		if name := strings.ToLower(key); strings.HasPrefix(name, "x-ms-") {
			lines = append(lines, name+":"+strings.Join(h[key], ","))
		}
	}
	lines = append(lines, "/"+account+r.URL.EscapedPath())
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(q)) {
		lines = append(lines, strings.ToLower(key)+":"+strings.Join(slices.Sorted(slices.Values(q[key])), ","))
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.Join(lines, "\n")))
	r.Header.Set("Authorization", "SharedKey "+account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

const azureResource = "https://storage.azure.com"

// entra asks Entra for tokens, as Azure's tools do: with a secret or a federated
// token of the environment (AZURE_TENANT_ID, AZURE_CLIENT_ID and
// AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE), as the identity of the
// machine, or through az login.
type entra struct{ client *http.Client }

func (e *entra) Token() (*oauth2.Token, error) {
	tenant, id := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID")
	if secret := os.Getenv("AZURE_CLIENT_SECRET"); tenant != "" && id != "" && secret != "" {
		return e.login(tenant, url.Values{"client_id": {id}, "client_secret": {secret}})
	}
	if file := os.Getenv("AZURE_FEDERATED_TOKEN_FILE"); tenant != "" && id != "" && file != "" {
		b, err := os.ReadFile(file) // anew each time: it is replaced every hour
		if err != nil {
			return nil, err
		}
		return e.login(tenant, url.Values{"client_id": {id}, "client_assertion": {strings.TrimSpace(string(b))},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}})
	}
	t, machine := e.machine(id)
	if machine == nil {
		return t, nil
	}
	t, tool := azureCLI()
	if tool == nil {
		return t, nil
	}
	return nil, fmt.Errorf("%w: no credentials for Azure were found: set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING, those of a service principal (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET), or run az login (the machine's identity: %w; az: %w)", fs.ErrPermission, machine, tool)
}

func (e *entra) login(tenant string, form url.Values) (*oauth2.Token, error) {
	form.Set("grant_type", "client_credentials")
	form.Set("scope", azureResource+"/.default")
	host := strings.TrimSuffix(first(os.Getenv("AZURE_AUTHORITY_HOST"), "https://login.microsoftonline.com"), "/")
	return e.ask(request{method: http.MethodPost, url: host + "/" + url.PathEscape(tenant) + "/oauth2/v2.0/token", body: []byte(form.Encode()),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}, time.Minute)
}

// machine is the managed identity of an app service, or of a virtual machine.
func (e *entra) machine(id string) (*oauth2.Token, error) {
	q := url.Values{"resource": {azureResource}, "api-version": {"2018-02-01"}}
	if id != "" {
		q.Set("client_id", id)
	}
	r := request{method: http.MethodGet, header: http.Header{"Metadata": {"true"}}}
	endpoint, wait := "http://169.254.169.254/metadata/identity/oauth2/token", 2*time.Second
	if app := os.Getenv("IDENTITY_ENDPOINT"); app != "" {
		endpoint, wait = app, time.Minute
		r.header["X-Identity-Header"] = []string{os.Getenv("IDENTITY_HEADER")}
		q.Set("api-version", "2019-08-01")
	}
	r.url = endpoint + "?" + q.Encode()
	return e.ask(r, wait)
}

func (e *entra) ask(r request, wait time.Duration) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	a, err := r.send(ctx, e.client, nil)
	if err != nil {
		var refused *refusal
		if errors.As(err, &refused) && refused.status < 500 {
			return nil, fmt.Errorf("%w: Entra gives no token: %w", fs.ErrPermission, err)
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("ask Entra for a token: %w", err)
	}
	defer a.Body.Close()
	var t struct {
		Token   string      `json:"access_token"`
		Seconds json.Number `json:"expires_in"`
		At      json.Number `json:"expires_on"` // seconds since 1970, of app services
	}
	if err := json.NewDecoder(a.Body).Decode(&t); err != nil {
		return nil, err
	}
	expiry := time.Now().Add(5 * time.Minute)
	if n, err := t.Seconds.Int64(); err == nil {
		expiry = time.Now().Add(time.Duration(n) * time.Second)
	} else if n, err := t.At.Int64(); err == nil {
		expiry = time.Unix(n, 0)
	}
	return &oauth2.Token{AccessToken: t.Token, TokenType: "Bearer", Expiry: expiry}, nil
}

func azureCLI() (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "az", "account", "get-access-token", "--output", "json", "--resource", azureResource).Output()
	if err != nil {
		return nil, err
	}
	var t struct {
		Token string `json:"accessToken"`
		At    int64  `json:"expires_on"`
	}
	if err := json.Unmarshal(out, &t); err != nil || t.Token == "" {
		return nil, errors.New("az account get-access-token answers otherwise than expected")
	}
	expiry := time.Now().Add(5 * time.Minute)
	if t.At > 0 {
		expiry = time.Unix(t.At, 0)
	}
	return &oauth2.Token{AccessToken: t.Token, TokenType: "Bearer", Expiry: expiry}, nil
}
