package conformance

import "testing"

func TestPackageOf(t *testing.T) {
	for function, want := range map[string]string{
		"example.com/acme/prober_test.TestConformance.func1": "example.com/acme/prober",
		"example.com/acme/prober.TestConformance":            "example.com/acme/prober",
		"example.com/acme/v1%2e2.TestX":                      "example.com/acme/v1.2",
		"prober.TestX":                                       "prober",
		"main.TestX":                                         ".",
		"command-line-arguments_test.TestX":                  ".",
	} {
		if got := packageOf(function); got != want {
			t.Errorf("packageOf(%q) = %q, want %q", function, got, want)
		}
	}
}
