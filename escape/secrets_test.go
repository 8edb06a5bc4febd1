package escape

import "testing"

func TestSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"open https://me:pa55@host/a.jsonl: no such file":                                        "open https://xxxxx@host/a.jsonl: no such file",
		"climb run --out s3://KEY:se@cret@bucket/x s3://other/y":                                 "climb run --out s3://xxxxx@bucket/x s3://other/y",
		`"https://pa55@host:8080/v1"`:                                                            `"https://xxxxx@host:8080/v1"`,
		"https://b.s3.amazonaws.com/k?X-Amz-Credential=AK%2F1&X-Amz-Date=1&X-Amz-Signature=ab12": "https://b.s3.amazonaws.com/k?X-Amz-Credential=xxxxx&X-Amz-Date=1&X-Amz-Signature=xxxxx",
		"https://a.blob.core.windows.net/c/k?sv=2024&SIG=ab%3D":                                  "https://a.blob.core.windows.net/c/k?sv=2024&SIG=xxxxx",
		"climb run a@b.yaml --out https://host/p@q":                                              "climb run a@b.yaml --out https://host/p@q",
		"https://b.s3.amazonaws.com/k?AWSAccessKeyId=AKIA1&Expires=2&Signature=a%2Bb%3D":         "https://b.s3.amazonaws.com/k?AWSAccessKeyId=xxxxx&Expires=2&Signature=xxxxx",
		"https://storage.googleapis.com/b/k?GoogleAccessId=a@b&Expires=2&X-Goog-Signature=0f":    "https://storage.googleapis.com/b/k?GoogleAccessId=xxxxx&Expires=2&X-Goog-Signature=xxxxx",
		`{"note":"https://h/k?a=1\u0026sig=ab","token=":"token=5"}`:                              `{"note":"https://h/k?a=1\u0026sig=xxxxx","token=":"token=5"}`,
		"train.py --url=http://h/v1?token=abc --tokens=5 key=3 a?keys=4":                         "train.py --url=http://h/v1?token=xxxxx --tokens=5 key=3 a?keys=4",
		"s3://bucket/part?versionId=3":                                                           "s3://bucket/part?versionId=3",
		"":                                                                                       "",
	} {
		if got := Secrets(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
		if got := Secrets(want); got != want {
			t.Errorf("twice: %s, want %s", got, want)
		}
		if got := LacksSecrets(want); got != (in != want) {
			t.Errorf("%s lacks secrets: %t", want, got)
		}
	}
}
