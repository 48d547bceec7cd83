package html_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/vmprobe/vmprobe/conformance/report/html"
)

// requireBrowser makes a missing browser a failure, for CI.
const requireBrowser = "VMPROBE_REQUIRE_BROWSER"

// browser finds headless Chromium, or skips the test.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const reason = "not run: no Chromium on the path (Debian: apt-get install -y chromium)"
	if os.Getenv(requireBrowser) != "" {
		t.Fatal(reason + ", and " + requireBrowser + " is set")
	}
	t.Skip(reason)
	return ""
}

// sight is what a browser notices while it shows a page.
type sight struct {
	mu       sync.Mutex
	problems []string
}

func (s *sight) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// listen notes whatever a good page does not do: errors, breaches of its
// policy, requests of anything but itself.
func (s *sight) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		s.add("exception: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		s.add("console.%s", e.Type)
	case *cdplog.EventEntryAdded:
		s.add("log: %s %s", e.Entry.Level, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "file://") || e.Type != network.ResourceTypeDocument {
			s.add("request of %s", e.Request.URL)
		}
	}
}

// step is something to do in the browser.
type step = chromedp.Action[chromedp.Void]

// command is a command of the DevTools protocol as a step.
func command[P, R any](c cdp.Command[P, R], params P) step {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, c, params)
		return err
	})
}

// open starts a browser on the page and returns a function that does steps in
// it. When the test ends, what the browser noticed is a failure.
func open(t *testing.T, page string, before ...step) func(...step) {
	t.Helper()
	path := browser(t)
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(stop)
	ctx, stopBrowser := chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(stopBrowser)
	ctx, stopTab := chromedp.NewContext(ctx)
	t.Cleanup(stopTab)
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as ctx
		t.Fatal(err)
	}
	var seen sight
	run := func(steps ...step) {
		t.Helper()
		for i, s := range steps {
			one, stop := context.WithTimeout(ctx, 20*time.Second)
			err := chromedp.Do(one, s)
			stop()
			if err != nil {
				t.Fatalf("step %d: %v", i+1, err)
			}
		}
	}
	run(before...) // chromedp itself asks for the events of log and network
	if err := chromedp.Listen(ctx, seen.listen); err != nil {
		t.Fatal(err)
	}
	run(chromedp.Navigate("file://" + file))
	t.Cleanup(func() {
		for _, p := range seen.problems {
			t.Error(p)
		}
	})
	return run
}

// shown is a report of a few cases that differ.
func shown() *html.Report {
	r := report("web")
	r.Result, r.Summary = "non-conformant", "2 of 3 cases passed"
	r.Results = []string{"pass", "fail"}
	r.Profiles = []html.Profile{{Name: "kubevirt", Result: "non-conformant", Counts: []int{1, 1}}, {Name: "kubernetes", Result: "conformant", Counts: []int{1, 0}}}
	r.Broken = []html.Broken{{ID: "THR-FAILURE", Title: strings.Repeat("a long title ", 8), Cases: 1, First: "broken@kubevirt"}}
	broken := r.Cases[0]
	broken.ID, broken.Name, broken.Profile, broken.Requirements = "broken@kubevirt", "broken", "kubevirt", []string{"THR-FAILURE", "THR-SUCCESS"}
	broken.Title, broken.Replay = "A server breaks", "vmprobe replay broken@kubevirt --seed 1 --scenario "+strings.Repeat("a-long-path/", 12)+"broken.yaml"
	broken.Failures[0].Requirement, broken.Failures[0].Message = "THR-FAILURE", "ready -> false never happened "+strings.Repeat("x", 300)
	fine := broken
	fine.ID, fine.Name, fine.Result, fine.Title, fine.Failures, fine.Requirements = "fine@kubevirt", "fine", "pass", "All is well", nil, []string{"GA-CMD"}
	other := fine
	other.ID, other.Profile = "fine@kubernetes", "kubernetes"
	r.Cases = []html.Case{broken, fine, other}
	return r
}

// visible lists the ids of the cases that are shown.
const visible = `[...document.querySelectorAll(".case")].filter((el) => el.checkVisibility()).map((el) => el.id).join(" ")`

// click clicks on the element of a CSS selector.
func click(selector string) step { return chromedp.Click(chromedp.CSS(selector)) }

// eval checks the value of a script.
func eval(script, want string) step {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		got, err := chromedp.Evaluate[string]("String("+script+")")(ctx, tab)
		if err != nil {
			return fmt.Errorf("%s: %w", script, err)
		}
		if got != want {
			return fmt.Errorf("%s is %q, want %q", script, got, want)
		}
		return nil
	})
}

func TestFilterInBrowser(t *testing.T) {
	run := open(t, write(t, shown()))
	all := "broken@kubevirt fine@kubevirt fine@kubernetes"
	const set = `(id, value) => { const el = document.getElementById(id); el.value = value; el.dispatchEvent(new Event("input", {bubbles: true})) }`
	fill := func(id, value string) step {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf("(%s)(%q, %q)", set, id, value))
	}
	// The page hears of a reset or a new fragment in a later task.
	later := chromedp.Evaluate[chromedp.Void](`new Promise((done) => setTimeout(() => setTimeout(done, 50), 50))`, chromedp.EvalAwaitPromise)
	run(
		eval(visible, all),
		eval(`document.getElementById("broken@kubevirt").open`, "true"),
		eval(`document.getElementById("fine@kubevirt").open`, "false"),
		fill("find", "WELL is"), eval(visible, "fine@kubevirt fine@kubernetes"),
		eval(`document.getElementById("shown").textContent`, "2 of 3 cases"),
		fill("find", "never happened"), eval(visible, "broken@kubevirt"),
		fill("find", ""), fill("requirement", "ga-"), eval(visible, "fine@kubevirt fine@kubernetes"),
		click(`input[name=profile][value=kubevirt] + span`), eval(visible, "fine@kubernetes"),
		click(`.filter button`), later, eval(visible, all),
		click(`input[name=result][value=pass] + span`), eval(visible, "broken@kubevirt"),
		eval(`document.querySelectorAll(".group").length + " " + [...document.querySelectorAll(".group")].filter((g) => !g.hidden).length`, "2 1"),
		click(`input[name=result][value=fail] + span`), eval(visible, ""),
		click(`.filter button`), later, eval(visible, all),
		// A link opens its case; the keyboard reaches the search.
		chromedp.Evaluate[chromedp.Void](`document.getElementById("broken@kubevirt").open = false`),
		click(`.broken a`), later, eval(`document.getElementById("broken@kubevirt").open`, "true"),
		chromedp.KeyEvent("/"), eval(`document.activeElement.id`, "find"),
	)
}

// TestPhoneInBrowser: at 390 pixels nothing is wider than the screen.
func TestPhoneInBrowser(t *testing.T) {
	run := open(t, write(t, shown()), chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	run(
		chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach((d) => d.open = true)`),
		eval("innerWidth", "390"),
		eval("document.documentElement.scrollWidth", "390"),
	)
}

// TestWithoutScriptInBrowser: everything is there, and cases open and close.
func TestWithoutScriptInBrowser(t *testing.T) {
	run := open(t, write(t, shown()), command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	run(
		eval(`document.querySelector(".filter").checkVisibility()`, "false"),
		eval(visible, "broken@kubevirt fine@kubevirt fine@kubernetes"),
		eval(`document.getElementById("fine@kubevirt").open`, "false"),
		chromedp.Focus(chromedp.CSS(`[id="fine@kubevirt"] summary`)), chromedp.KeyEvent("\r"),
		eval(`document.getElementById("fine@kubevirt").open`, "true"),
		eval(`document.querySelector('[id="fine@kubevirt"] svg.lanes').checkVisibility()`, "true"),
		eval(`document.querySelector('[id="broken@kubevirt"] .failure').innerText.includes("never happened")`, "true"),
	)
}

// TestColoursInBrowser: the page follows the system, the switch wins, and both
// are readable.
func TestColoursInBrowser(t *testing.T) {
	dark := command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	run := open(t, write(t, shown()), dark)
	const ground = `getComputedStyle(document.body).backgroundColor`
	run(
		eval(ground, "rgb(14, 18, 23)"), contrast(t),
		click("#theme-light + span"), eval(ground, "rgb(246, 247, 249)"), contrast(t),
		click("#theme-dark + span"), eval(ground, "rgb(14, 18, 23)"),
		click("#theme-auto + span"), eval(ground, "rgb(14, 18, 23)"),
	)
}

// contrast holds every text to WCAG AA: 4.5 to 1 against its ground.
func contrast(t *testing.T) step {
	t.Helper()
	const script = `(() => {
		const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
		const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data };
		const light = (colour) => { const c = [...rgb(colour)].slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] };
		const ground = (el) => { for (; el; el = el.parentElement) { const c = getComputedStyle(el).backgroundColor; if (rgb(c)[3] === 255) return c } return "white" };
		const bad = [];
		for (const el of document.querySelectorAll("main *, header *")) {
			const own = [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
			if (!own || !el.checkVisibility() || el.namespaceURI.endsWith("svg")) continue;
			const a = light(getComputedStyle(el).color), b = light(ground(el));
			const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			if (ratio < 4.5) bad.push(el.tagName + "." + el.className + " " + ratio.toFixed(2) + " " + el.textContent.trim().slice(0, 30));
		}
		return bad.join("; ");
	})()`
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		bad, err := chromedp.Evaluate[string](script)(ctx, tab)
		if bad != "" {
			t.Errorf("texts with too little contrast: %s", bad)
		}
		return err
	})
}
