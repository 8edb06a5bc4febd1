package blob

import "regexp"

var (
	userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'<>]*@`)
	secrets  = regexp.MustCompile(`(?i)([?&][a-z0-9_.-]*(?:signature|credential|token|password|secret|key|sig)=)[^&\s"'<>]+`)
)

// Redact puts xxxxx in the place of what lets somebody in: the user and password
// of every URL in a text (RFC 3986, section 3.2.1), and the values of its query
// that sign it or are a key.
func Redact(text string) string {
	return secrets.ReplaceAllString(userInfo.ReplaceAllString(text, "${1}xxxxx@"), "${1}xxxxx")
}
