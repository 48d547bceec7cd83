package pki

import (
	"encoding/base64"
	"fmt"
)

// kubeconfig is a kubeconfig with everything in it and one context.
func kubeconfig(cluster, server, user string, ca, cert, key []byte) []byte {
	in := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: %[1]s
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[4]s
users:
- name: %[3]q
  user:
    client-certificate-data: %[5]s
    client-key-data: %[6]s
contexts:
- name: %[1]s
  context: {cluster: %[1]s, user: %[3]q}
`, cluster, server, user, in(ca), in(cert), in(key))
}
