package kubevirt_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/scenarios"
)

// granted are the rules of the ClusterRoles of the deployment, by name.
func granted(t *testing.T) map[string][]rbacv1.PolicyRule {
	t.Helper()
	out := map[string][]rbacv1.PolicyRule{}
	for _, u := range slices.Concat(documents(t, "deploy/rbac.yaml"), documents(t, "deploy/rbac-vms.yaml")) {
		if u.GetKind() != "ClusterRole" {
			continue
		}
		role := &rbacv1.ClusterRole{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, role); err != nil {
			t.Fatal(err)
		}
		out[role.Name] = role.Rules
	}
	return out
}

// TestRole: the roles grant what a harness asks for and no more; in the whole
// cluster that is namespaces, to see nodes, and to bind the roles of cases.
func TestRole(t *testing.T) {
	want := kubevirt.Permissions()
	want["vmprobe"] = append(want["vmprobe"], "list  nodes", "create rbac.authorization.k8s.io rolebindings", "bind rbac.authorization.k8s.io clusterroles vmprobe-case")
	want["vmprobe-vms"] = []string{"bind rbac.authorization.k8s.io clusterroles vmprobe-case-vms"}
	roles := granted(t)
	if len(roles) != len(want) {
		t.Errorf("%d roles, want %d", len(roles), len(want))
	}
	for name, list := range want {
		var have []string
		for _, r := range roles[name] {
			for _, group := range r.APIGroups {
				for _, resource := range r.Resources {
					for _, verb := range r.Verbs {
						have = append(have, strings.Join(append([]string{verb, group, resource}, r.ResourceNames...), " "))
					}
				}
			}
		}
		slices.Sort(have)
		if slices.Sort(list); !slices.Equal(have, list) {
			t.Errorf("%s: granted %q,\nwant %q", name, have, list)
		}
	}
}

// account is a cluster that lets a user do what allows says.
func account(allows func(a *authorizationv1.ResourceAttributes) bool) *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		r := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		r.Status.Allowed = allows(r.Spec.ResourceAttributes)
		return true, r, nil
	})
	client.PrependReactor("create", "selfsubjectreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authenticationv1.SelfSubjectReview{Status: authenticationv1.SelfSubjectReviewStatus{
			UserInfo: authenticationv1.UserInfo{Username: "system:serviceaccount:vmprobe:vmprobe"},
		}}, nil
	})
	return client
}

// TestBind: who may do nothing with pods in the whole cluster, but may bind the role
// for it, has it in the namespaces of cases alone; who may anyway, binds nothing; and
// what is missing is named, as that which an older role does not grant.
func TestBind(t *testing.T) {
	anywhere := func(a *authorizationv1.ResourceAttributes) bool {
		return a.Resource == "namespaces" || a.Resource == "nodes" || a.Verb == "bind" && a.Name == "vmprobe-case" || a.Resource == "rolebindings" && a.Verb == "create"
	}
	test := func(name string, allows func(*authorizationv1.ResourceAttributes) bool, bindings int, want string) {
		synctest.Test(t, func(t *testing.T) {
			client := account(allows)
			bed := kubevirt.New(kubevirt.Config{Client: client})
			err := bed.Permitted(t.Context())
			ns := ""
			if err == nil {
				ns, err = bed.NewNamespace(t.Context(), &scenarios.Case{Scenario: "test", Until: time.Minute})
			}
			if want != "" {
				if !errors.Is(err, kubevirt.ErrCluster) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "rbac.yaml") {
					t.Errorf("%s: %v", name, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			list, err := client.RbacV1().RoleBindings("").List(t.Context(), metav1.ListOptions{})
			if err != nil || len(list.Items) != bindings {
				t.Fatalf("%s: %+v %v", name, list, err)
			}
			for _, b := range list.Items {
				if b.Namespace != ns || b.RoleRef.Kind != "ClusterRole" || b.RoleRef.Name != "vmprobe-case" || len(b.Subjects) != 1 || b.Subjects[0].Name != "system:serviceaccount:vmprobe:vmprobe" {
					t.Errorf("%s: %+v", name, b)
				}
			}
		})
	}
	asked := 0
	test("may bind", func(a *authorizationv1.ResourceAttributes) bool {
		if a.Namespace != "" {
			asked++ // the authorizer takes its time
			return asked > 30
		}
		return anywhere(a)
	}, 1, "")
	test("administrator, or an older role", func(a *authorizationv1.ResourceAttributes) bool { return a.Verb != "bind" }, 0, "")
	test("a role of an older version", func(a *authorizationv1.ResourceAttributes) bool {
		return anywhere(a) || a.Namespace != "" && a.Resource != "events"
	}, 0, "not allowed to list events (role vmprobe-case), watch events (role vmprobe-case); grant it")
	test("pods but no events", func(a *authorizationv1.ResourceAttributes) bool {
		return a.Resource != "events" && a.Resource != "clusterroles"
	}, 0, "not allowed to list events, watch events, or instead to bind clusterroles (role vmprobe-case); grant it")
}
