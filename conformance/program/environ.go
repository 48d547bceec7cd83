package program

import (
	"slices"
	"strings"
)

// proxyVariables name proxies to programs, in upper or lower case.
func proxyVariables() []string {
	return []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"}
}

// environ is the environment of a prober under test: that of the suite without
// its proxies. A probe asks no proxy (HTTP-NO-PROXY), and what a prober does
// must not depend on the machine on which it is tested; a case that is about
// proxies names one in its open message.
func environ(own []string) []string {
	return slices.DeleteFunc(slices.Clone(own), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(proxyVariables(), strings.ToUpper(name))
	})
}
