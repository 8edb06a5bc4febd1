package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// s3Query are the parameters that the URL of a bucket of S3 may have. The last
// three are taken and have no effect: every upload carries the SHA-256 of its
// bytes in the signed header, which all servers check, and endpoints are asked
// by the name that is given.
var s3Query = []string{"region", "endpoint", "use_path_style", "s3ForcePathStyle", "disable_https", "anonymous", "profile", "role",
	"dualstack", "fips", "accelerate", "ssetype", "kmskeyid",
	"request_checksum_calculation", "response_checksum_validation", "hostname_immutable"}

type s3 struct {
	c      minio.Core
	bucket string
	put1   minio.PutObjectOptions
	page   int // keys of a listing at a time
}

// openS3 reads the query, then the environment, then the profile.
func openS3(name string, q query) (*s3, error) {
	if err := q.only(s3Query...); err != nil {
		return nil, err
	}
	p, err := readProfile(q.get("profile"))
	if err != nil {
		return nil, err
	}
	region := first(q.get("region"), env("AWS_REGION", "AWS_DEFAULT_REGION"), p.get("region"))
	endpoint := first(q.get("endpoint"), env("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), p.get("endpoint_url"))
	own := endpoint != "" // not Amazon's
	if !own {
		endpoint = amazon(region, q.is("fips"))
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the endpoint %q is no URL: write it as http://host:port", endpoint)
	}
	keys, err := s3Keys(q, p, region)
	if err != nil {
		return nil, err
	}
	o := &minio.Options{Creds: keys, Region: region, Transport: newTransport(), BucketLookup: minio.BucketLookupAuto,
		Secure: u.Scheme == "https" && !q.is("disable_https"), MaxRetries: 1} // retry does the rest
	if region == "" {
		o.MaxRetries = 2 // the second asks in the region that the first was told
	}
	// A server of one's own is asked with the bucket in the path, as such
	// servers have no names for buckets.
	switch path := first(q.get("use_path_style"), q.get("s3ForcePathStyle")); {
	case path == "" && own, path != "" && isTrue(path):
		o.BucketLookup = minio.BucketLookupPath
	case path != "":
		o.BucketLookup = minio.BucketLookupDNS
	}
	u.Scheme = "" // Secure says it
	core, err := minio.NewCore(u.Host+u.Path, o)
	if err != nil {
		return nil, fmt.Errorf("the endpoint %s: %w", endpoint, err)
	}
	core.SetS3EnableDualstack(q.is("dualstack"))
	if q.is("accelerate") {
		core.SetS3TransferAccelerate("s3-accelerate.amazonaws.com")
	}
	s := &s3{c: *core, bucket: name, page: 1000}
	s.put1 = minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true}
	s.put1.ServerSideEncryption, err = encryption(q)
	return s, err
}

func amazon(region string, fips bool) string {
	if !fips || region == "" {
		return "https://s3.amazonaws.com" // minio finds the one of the region
	}
	return "https://s3-fips." + region + ".amazonaws.com"
}

func encryption(q query) (encrypt.ServerSide, error) {
	switch kind := q.get("ssetype"); {
	case kind == "" && q.get("kmskeyid") == "":
		return nil, nil
	case kind == "AES256":
		return encrypt.NewSSE(), nil
	case kind == "aws:kms" || kind == "":
		return encrypt.NewSSEKMS(q.get("kmskeyid"), nil)
	default:
		return nil, fmt.Errorf("ssetype is %q: use AES256 or aws:kms", kind)
	}
}

// s3Error takes from an answer what may be told.
func s3Error(err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) || r.StatusCode == 0 {
		return err
	}
	e := &refusal{status: r.StatusCode, code: r.Code, message: r.Message}
	if r.Region != "" && (r.StatusCode == http.StatusMovedPermanently || r.StatusCode == http.StatusBadRequest) {
		e.message += " (the bucket is in " + r.Region + ": add ?region=" + r.Region + " to its URL)"
	}
	return e
}

// quoted is an ETag as HTTP writes it; minio takes the quotes off.
func quoted(etag string) string { return `"` + etag + `"` }

func (s *s3) stat(ctx context.Context, key string) (Info, string, error) {
	o, err := s.c.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, "", s3Error(err)
	}
	return Info{Bytes: o.Size, ModTime: o.LastModified.UTC(), ETag: quoted(o.ETag)}, o.ETag, nil
}

func (s *s3) read(ctx context.Context, key, version string, start, end int64) (io.ReadCloser, error) {
	var o minio.GetObjectOptions
	if err := o.SetRange(start, end-1); err != nil {
		return nil, err
	}
	body, info, _, err := s.c.GetObject(ctx, s.bucket, key, o)
	if err != nil {
		var r minio.ErrorResponse
		if errors.As(err, &r) && r.StatusCode == http.StatusRequestedRangeNotSatisfiable {
			return nil, errChanged
		}
		return nil, s3Error(err)
	}
	if info.ETag != version { // asked for by If-Match not every server would say so
		return nil, errors.Join(errChanged, body.Close())
	}
	return body, nil
}

func (s *s3) list(ctx context.Context, prefix, page string) (infos []Info, next string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range s.c.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: page, MaxKeys: s.page}) {
		if o.Err != nil {
			return nil, "", s3Error(o.Err)
		}
		infos = append(infos, Info{Path: o.Key, Bytes: o.Size, ModTime: o.LastModified.UTC()})
		if len(infos) == s.page {
			return infos, o.Key, nil
		}
	}
	return infos, "", ctx.Err()
}

func (s *s3) remove(ctx context.Context, key string) error {
	return s3Error(s.c.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}))
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (s *s3) put(ctx context.Context, key string, data []byte) error {
	_, err := s.c.PutObject(ctx, s.bucket, key, bytes.NewReader(data), int64(len(data)), "", hash(data), s.put1)
	return s3Error(err)
}

func (s *s3) begin(ctx context.Context, key string) (upload, int, error) {
	id, err := s.c.NewMultipartUpload(ctx, s.bucket, key, s.put1)
	return &s3Upload{s: s, key: key, id: id}, partsAtOnce, s3Error(err)
}

type s3Upload struct {
	s       *s3
	key, id string
	mu      sync.Mutex
	parts   []minio.CompletePart // by number
}

func (u *s3Upload) part(ctx context.Context, n int, data []byte) error {
	p, err := u.s.c.PutObjectPart(ctx, u.s.bucket, u.key, u.id, n+1, bytes.NewReader(data), int64(len(data)),
		minio.PutObjectPartOptions{Sha256Hex: hash(data), DisableContentSha256: true})
	if err != nil {
		return s3Error(err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for len(u.parts) <= n {
		u.parts = append(u.parts, minio.CompletePart{})
	}
	u.parts[n] = minio.CompletePart{PartNumber: n + 1, ETag: p.ETag}
	return nil
}

func (u *s3Upload) finish(ctx context.Context, n int, last []byte) error {
	if err := u.part(ctx, n, last); err != nil {
		return err
	}
	_, err := u.s.c.CompleteMultipartUpload(ctx, u.s.bucket, u.key, u.id, u.parts, minio.PutObjectOptions{})
	return s3Error(err)
}

func (u *s3Upload) abort(ctx context.Context) error {
	return u.s.c.AbortMultipartUpload(ctx, u.s.bucket, u.key, u.id)
}
