package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"gopkg.in/ini.v1"
)

// A profile is one of Amazon's shared configuration: ~/.aws/config and
// ~/.aws/credentials, or the files that AWS_CONFIG_FILE and
// AWS_SHARED_CREDENTIALS_FILE name.
type profile struct {
	name  string
	asked bool // by a URL or the environment
	keys  map[string]string
}

func (p *profile) get(key string) string { return p.keys[key] }

func readProfile(name string) (*profile, error) {
	p := &profile{name: first(name, env("AWS_PROFILE", "AWS_DEFAULT_PROFILE")), keys: map[string]string{}}
	p.asked = p.name != ""
	p.name = first(p.name, "default")
	home, _ := os.UserHomeDir() // without one the files are not there
	f, err := ini.LooseLoad(first(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config")),
		first(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")))
	if err != nil {
		return nil, fmt.Errorf("read Amazon's shared configuration: %w", err)
	}
	found := false
	for _, section := range []string{"profile " + p.name, p.name} {
		if s, err := f.GetSection(section); err == nil {
			found = true
			for _, key := range s.Keys() {
				p.keys[key.Name()] = key.String()
			}
		}
	}
	if p.asked && !found {
		return nil, fmt.Errorf("there is no profile %s in Amazon's shared configuration: see ~/.aws/config and AWS_PROFILE", p.name)
	}
	return p, nil
}

// s3Keys are the credentials, looked for as Amazon's tools do: a profile that is
// asked for, the environment, the default profile, the identity of the pod,
// container or machine. role is taken on with what is found.
func s3Keys(q query, p *profile, region string) (*credentials.Credentials, error) {
	if q.is("anonymous") {
		return credentials.NewStatic("", "", "", credentials.SignatureAnonymous), nil
	}
	source, err := profileKeys(p, region, 0)
	if err != nil {
		return nil, err
	}
	if !p.asked {
		source = chain(&credentials.EnvAWS{}, source)
	}
	if role := q.get("role"); role != "" {
		source = &roleKeys{source: source, region: region, arn: role}
	}
	return credentials.New(source), nil
}

// profileKeys are those of a profile, or of the role that it names.
func profileKeys(p *profile, region string, depth int) (credentials.Provider, error) {
	role := p.get("role_arn")
	machine := &machineKeys{credentials.IAM{Region: region, Client: &http.Client{Timeout: 10 * time.Second}}}
	if role == "" || p.get("web_identity_token_file") != "" {
		if role != "" {
			machine.EKSIdentity.TokenFile, machine.EKSIdentity.RoleARN = p.get("web_identity_token_file"), role
			machine.EKSIdentity.RoleSessionName = first(p.get("role_session_name"), "climb")
		}
		return chain(&credentials.FileAWSCredentials{Profile: p.name}, machine), nil
	}
	if depth > 5 {
		return nil, fmt.Errorf("the profile %s: source_profile leads in a circle", p.name)
	}
	var source credentials.Provider
	switch from, name := p.get("credential_source"), p.get("source_profile"); {
	case from == "Environment":
		source = &credentials.EnvAWS{}
	case from != "":
		source = machine
	case name == p.name:
		source = &credentials.FileAWSCredentials{Profile: name}
	case name != "":
		other, err := readProfile(name)
		if err != nil {
			return nil, err
		}
		if source, err = profileKeys(other, region, depth+1); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("the profile %s has role_arn without source_profile, credential_source or web_identity_token_file", p.name)
	}
	return &roleKeys{source: source, region: region, arn: role, external: p.get("external_id"), session: p.get("role_session_name")}, nil
}

var errNoKeys = fmt.Errorf("%w: no credentials for S3 were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or add ?anonymous=true to the URL", fs.ErrPermission)

// A keyChain is the first of several providers that has credentials.
type keyChain struct {
	providers []credentials.Provider
	found     credentials.Provider
}

func chain(p ...credentials.Provider) *keyChain { return &keyChain{providers: p} }

func (c *keyChain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	err := errNoKeys
	for _, p := range c.providers {
		v, e := p.RetrieveWithCredContext(cc)
		if e == nil && v.AccessKeyID != "" && v.SecretAccessKey != "" {
			c.found = p
			return v, nil
		}
		if e != nil && !errors.Is(e, errNoKeys) && !errors.Is(e, fs.ErrNotExist) {
			err = fmt.Errorf("%w (%w)", err, e)
		}
	}
	return credentials.Value{}, err
}

func (c *keyChain) Retrieve() (credentials.Value, error) { return c.RetrieveWithCredContext(nil) }

func (c *keyChain) IsExpired() bool { return c.found == nil || c.found.IsExpired() }

// machineKeys are those of the pod, container or machine that this process
// runs on.
type machineKeys struct{ credentials.IAM }

func (m *machineKeys) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	elsewhere := env("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if elsewhere+m.EKSIdentity.TokenFile == "" && isTrue(os.Getenv("AWS_EC2_METADATA_DISABLED")) {
		return credentials.Value{}, errNoKeys
	}
	return m.IAM.RetrieveWithCredContext(cc)
}

// roleKeys are temporary credentials of a role, which others are exchanged for.
type roleKeys struct {
	credentials.Expiry
	source                 credentials.Provider
	region                 string
	arn, external, session string
}

func (r *roleKeys) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	v, err := r.source.RetrieveWithCredContext(cc)
	if err != nil {
		return v, err
	}
	endpoint := first(env("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"), credentials.DefaultSTSRoleEndpoint)
	if r.region != "" && endpoint == credentials.DefaultSTSRoleEndpoint {
		endpoint = "https://sts." + r.region + ".amazonaws.com"
	}
	sts := &credentials.STSAssumeRole{STSEndpoint: endpoint, Client: &http.Client{Timeout: time.Minute}, Options: credentials.STSAssumeRoleOptions{
		AccessKey: v.AccessKeyID, SecretKey: v.SecretAccessKey, SessionToken: v.SessionToken, Location: first(r.region, "us-east-1"),
		RoleARN: r.arn, RoleSessionName: first(r.session, "climb"), ExternalID: r.external}}
	if v, err = sts.RetrieveWithCredContext(cc); err != nil {
		if errors.Is(err, context.Canceled) {
			return v, err
		}
		return v, fmt.Errorf("%w: take on the role %s: %w", fs.ErrPermission, r.arn, err)
	}
	r.SetExpiration(v.Expiration, credentials.DefaultExpiryWindow)
	return v, nil
}

func (r *roleKeys) Retrieve() (credentials.Value, error) { return r.RetrieveWithCredContext(nil) }
