(() => {
  "use strict";
  const form = document.querySelector(".filter");
  const shown = document.getElementById("shown");
  const find = document.getElementById("find");
  const requirement = document.getElementById("requirement");
  const groups = [...document.querySelectorAll(".group")].map((el) => ({
    el,
    count: el.querySelector("h3 span"),
    cases: [...el.querySelectorAll(".case")],
  }));
  const total = groups.reduce((n, g) => n + g.cases.length, 0);
  const checked = (name) => new Set([...form.elements[name] instanceof RadioNodeList ? form.elements[name] : [form.elements[name]]]
    .filter((box) => box.checked).map((box) => box.value));

  // What is searched of a case is gathered at the first search.
  const words = new Map();
  const wordsOf = (el) => {
    if (!words.has(el)) {
      const parts = [el.firstElementChild, ...el.querySelectorAll(".failure, .reason, .q")];
      words.set(el, parts.map((part) => part.textContent).join(" ").toLowerCase());
    }
    return words.get(el);
  };
  const rules = new Map();
  const rulesOf = (el) => {
    if (!rules.has(el)) {
      const named = el.querySelector(".q").textContent.split(" ");
      const broken = [...el.querySelectorAll(".failure strong")].map((part) => part.textContent);
      rules.set(el, named.concat(broken));
    }
    return rules.get(el);
  };

  function apply() {
    const text = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const rule = requirement.value.trim().toUpperCase();
    const results = checked("result");
    const profiles = checked("profile");
    let n = 0;
    for (const g of groups) {
      let inGroup = 0;
      for (const el of g.cases) {
        const on = results.has(el.dataset.r) && profiles.has(el.dataset.p) &&
          (!rule || rulesOf(el).some((id) => id.startsWith(rule))) &&
          text.every((word) => wordsOf(el).includes(word));
        el.hidden = !on;
        inGroup += on;
      }
      g.count.textContent = inGroup;
      g.el.hidden = inGroup === 0;
      n += inGroup;
    }
    shown.textContent = n + " of " + total + " cases";
  }

  function openTarget() {
    const el = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (el && el.classList.contains("case")) {
      el.open = true;
      el.scrollIntoView();
    }
  }

  if (total > 0) {
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("keydown", (event) => {
      if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
        event.preventDefault();
        find.focus();
      }
    });
    addEventListener("hashchange", openTarget);
    apply();
    openTarget();
  }
})();
