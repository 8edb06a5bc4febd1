package escape

import (
	"regexp"
	"strings"
)

// Hidden stands where Secrets took something out.
const Hidden = "xxxxx"

var (
	userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'<>]*@`)
	secrets  = regexp.MustCompile(`(?i)((?:[?&]|\\u0026|%26)(?:[a-z0-9_.-]*(?:signature|credential|token|password|secret|key|sig)|awsaccesskeyid|googleaccessid)=)[^&\s"'<>\\]+`)
	hidden   = regexp.MustCompile(`://` + Hidden + `@|(?:[?&]|\\u0026|%26)[A-Za-z0-9_.-]+=` + Hidden)
)

// Secrets puts Hidden in the place of what lets somebody in: the user and password
// of every URL in a text (RFC 3986, section 3.2.1), and the values of its query
// that sign it or are a key.
func Secrets(text string) string {
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = userInfo.ReplaceAllString(text, "${1}"+Hidden+"@")
	}
	if strings.Contains(text, "=") {
		text = secrets.ReplaceAllString(text, "${1}"+Hidden)
	}
	return text
}

// LacksSecrets tells whether Secrets has taken something out of a text.
func LacksSecrets(text string) bool { return hidden.MatchString(text) }
