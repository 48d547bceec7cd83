package kubevirt

import (
	"context"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// permission is something that a harness must be allowed to.
type permission struct{ verb, group, resource, subresource string }

func (p permission) String() string {
	name := p.resource
	if p.subresource != "" {
		name += "/" + p.subresource
	}
	if p.group != "" {
		name += "." + p.group
	}
	return p.verb + " " + name
}

// clusterPermissions are what a harness needs everywhere: the names of its
// namespaces are not known beforehand.
func clusterPermissions() []permission {
	return []permission{
		{"create", "", "namespaces", ""},
		{"delete", "", "namespaces", ""},
		{"get", "", "namespaces", ""},
		{"list", "", "namespaces", ""},
	}
}

// permissions are what a harness needs for pods, in the namespaces that it makes.
func permissions() []permission {
	return []permission{
		{"create", "", "pods", ""},
		{"delete", "", "pods", ""},
		{"deletecollection", "", "pods", ""},
		{"list", "", "pods", ""},
		{"patch", "", "pods", ""},
		{"watch", "", "pods", ""},
		{"get", "", "pods", "log"},
		{"create", "", "services", ""},
		{"list", "", "events", ""},
		{"watch", "", "events", ""},
		{"list", "discovery.k8s.io", "endpointslices", ""},
		{"watch", "discovery.k8s.io", "endpointslices", ""},
	}
}

// role is a ClusterRole that a harness binds to itself in each of its namespaces:
// it has its permissions there alone.
type role struct {
	name string
	has  []permission
}

// The roles of deploy/rbac.yaml and deploy/rbac-vms.yaml.
const (
	caseRole   = "vmprobe-case"
	vmCaseRole = "vmprobe-case-vms"
)

// permitted asks for every permission that pods need.
func (b *Bed) permitted(ctx context.Context) error {
	b.roles = nil
	missing, err := b.lacks(ctx, "", clusterPermissions())
	if err != nil {
		return err
	}
	inside, err := b.obtain(ctx, role{caseRole, permissions()})
	if err != nil {
		return err
	}
	if missing = append(missing, inside...); len(missing) > 0 {
		return &unusable{"not allowed to " + strings.Join(missing, ", "), "grant it: " + roleFile + " has all that is needed", nil}
	}
	return nil
}

// obtain asks for permissions that are needed in the namespaces of cases: this
// user has them everywhere, or may bind the role that has them. Otherwise it gives
// those that are missing.
func (b *Bed) obtain(ctx context.Context, r role) (missing []string, err error) {
	if missing, err = b.lacks(ctx, "", r.has); err != nil || len(missing) == 0 {
		return missing, err
	}
	for _, a := range []authorizationv1.ResourceAttributes{
		{Verb: "create", Group: rbacv1.GroupName, Resource: "rolebindings"},
		{Verb: "bind", Group: rbacv1.GroupName, Resource: "clusterroles", Name: r.name},
	} {
		ok, err := b.allowed(ctx, a)
		if err != nil {
			return nil, err
		}
		if !ok {
			return append(missing, "or instead to "+a.Verb+" "+a.Resource+" (role "+r.name+")"), nil
		}
	}
	b.roles = append(b.roles, r)
	return nil, nil
}

// lacks are the permissions that this user has not in a namespace; empty: in all.
func (b *Bed) lacks(ctx context.Context, namespace string, list []permission) (missing []string, err error) {
	for _, p := range list {
		ok, err := b.allowed(ctx, authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: p.verb, Group: p.group, Resource: p.resource, Subresource: p.subresource,
		})
		if err != nil {
			return nil, err
		}
		if !ok {
			missing = append(missing, p.String())
		}
	}
	return missing, nil
}

func (b *Bed) allowed(ctx context.Context, a authorizationv1.ResourceAttributes) (bool, error) {
	review, err := b.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, explain("ask what is allowed", err)
	}
	return review.Status.Allowed, nil
}

// The authorizer learns of a binding a moment later.
const (
	bindPatience = 20 * time.Second
	bindPause    = 50 * time.Millisecond
)

// bind gives this user its roles in a namespace, and waits until they count.
func (b *Bed) bind(ctx context.Context, namespace string) error {
	if len(b.roles) == 0 {
		return nil
	}
	who, err := b.Client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return explain("ask who this user is", err)
	}
	for _, r := range b.roles {
		_, err := b.Client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: r.name, Labels: b.labels()},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: r.name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: who.Status.UserInfo.Username}},
		}, metav1.CreateOptions{})
		if err != nil {
			return explain("bind the role "+r.name, err)
		}
	}
	return b.bound(ctx, namespace)
}

// bound waits until this user may do in a namespace what its roles say.
func (b *Bed) bound(ctx context.Context, namespace string) error {
	for end := time.Now().Add(bindPatience); ; {
		var missing []string
		for _, r := range b.roles {
			list, err := b.lacks(ctx, namespace, r.has)
			if err != nil {
				return err
			}
			for _, p := range list {
				missing = append(missing, p+" (role "+r.name+")")
			}
		}
		if len(missing) == 0 {
			return nil
		}
		if time.Now().After(end) || !pause(ctx, bindPause) {
			if err := ctx.Err(); err != nil {
				return err
			}
			return &unusable{"not allowed to " + strings.Join(missing, ", "), "grant it: apply " + roleFile + " of this version anew", nil}
		}
	}
}
