//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd

package cluster

// Lock gives the folder of a cluster. There are no locks of files here.
func Lock(home, name string) (dir string, unlock func(), err error) {
	dir, err = Folder(home, name)
	return dir, func() {}, err
}
