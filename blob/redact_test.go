package blob

import "testing"

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"open https://me:pa55@host/a.jsonl: no such file":                                        "open https://xxxxx@host/a.jsonl: no such file",
		"climb run --out s3://KEY:se@cret@bucket/x s3://other/y":                                 "climb run --out s3://xxxxx@bucket/x s3://other/y",
		`"https://pa55@host:8080/v1"`:                                                            `"https://xxxxx@host:8080/v1"`,
		"https://b.s3.amazonaws.com/k?X-Amz-Credential=AK%2F1&X-Amz-Date=1&X-Amz-Signature=ab12": "https://b.s3.amazonaws.com/k?X-Amz-Credential=xxxxx&X-Amz-Date=1&X-Amz-Signature=xxxxx",
		"https://a.blob.core.windows.net/c/k?sv=2024&SIG=ab%3D":                                  "https://a.blob.core.windows.net/c/k?sv=2024&SIG=xxxxx",
		"climb run a@b.yaml --out https://host/p@q":                                              "climb run a@b.yaml --out https://host/p@q",
		"s3://bucket/part?versionId=3":                                                           "s3://bucket/part?versionId=3",
		"":                                                                                       "",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
