package explain

import (
	"encoding/base64"
	"regexp"
	"strings"

	"github.com/vmprobe/vmprobe/probes/spec"
)

// userData is the cloud-init text of a VM; false when it has none or keeps it
// in a Secret.
func userData(m *spec.Machine) (string, bool) {
	if m.VMI == nil {
		return "", false
	}
	for _, v := range m.VMI.Spec.Volumes {
		var text, encoded string
		switch {
		case v.CloudInitNoCloud != nil:
			text, encoded = v.CloudInitNoCloud.UserData, v.CloudInitNoCloud.UserDataBase64
		case v.CloudInitConfigDrive != nil:
			text, encoded = v.CloudInitConfigDrive.UserData, v.CloudInitConfigDrive.UserDataBase64
		default:
			continue
		}
		if text == "" && encoded != "" {
			if plain, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				text = string(plain)
			}
		}
		if text != "" {
			return text, true
		}
	}
	return "", false
}

// installing finds the first line that installs packages at boot, which takes
// minutes on a slow mirror.
var installing = regexp.MustCompile(`(?m)^.*\b(?:(?:dnf|yum|apt|apt-get|zypper|apk)\b.*\b(?:install|add|update|upgrade)\b.*|packages:|package_update: true|package_upgrade: true).*$`)

func installs(text string) string {
	line := strings.TrimSpace(installing.FindString(text))
	line = strings.TrimSpace(strings.TrimPrefix(line, "- "))
	const longest = 60
	if len(line) > longest {
		line = line[:longest] + "..."
	}
	return line
}

// bareServer recognises a netcat one-liner that answers HTTP without saying
// how long the body is.
var bareServer = regexp.MustCompile(`\b(?:nc|ncat|netcat)\b.*HTTP/1\.[01] \d`)

func answersWithoutLength(text string) bool {
	return bareServer.MatchString(text) && !strings.Contains(strings.ToLower(text), "content-length")
}
